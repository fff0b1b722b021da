/** The two workflows: a unit of a service on a machine, and a relation between two units. */
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflows/index.ts';

/** Each stage has an error state, and from there two ways back: with the hook and without it. */
export const unit = defineWorkflow({
  name: 'unit',
  version: 1,
  states: [
    'installed',
    'install_error',
    'started',
    'start_error',
    'configure_error',
    'upgrade_error',
    'stopped',
    'stop_error',
  ],
  transitions: {
    install: { from: null, to: 'installed', automatic: true, error: 'fail_install', keepVariables: true },
    fail_install: { from: null, to: 'install_error', keepVariables: true },
    retry_install: {
      from: 'install_error',
      to: 'installed',
      signal: 'resolved',
      alias: 'retry',
      keepVariables: true,
    },
    retry_install_hook: {
      from: 'install_error',
      to: 'installed',
      signal: 'resolved-with-hook',
      alias: 'retry_hook',
      error: 'fail_install_again',
      keepVariables: true,
    },
    fail_install_again: { from: 'install_error', to: 'install_error', keepVariables: true },
    start: { from: 'installed', to: 'started', automatic: true, error: 'fail_start', keepVariables: true },
    fail_start: { from: 'installed', to: 'start_error', keepVariables: true },
    retry_start: {
      from: 'start_error',
      to: 'started',
      signal: 'resolved',
      alias: 'retry',
      keepVariables: true,
    },
    configure: {
      from: 'started',
      to: 'started',
      signal: 'config',
      args: z.object({ config: z.number() }),
      error: 'fail_configure',
      keepVariables: true,
    },
    fail_configure: { from: 'started', to: 'configure_error', keepVariables: true },
    retry_configure: {
      from: 'configure_error',
      to: 'started',
      signal: 'resolved',
      alias: 'retry',
      keepVariables: true,
    },
    // Never leaves started: what tells an upgrade under way is that it is in flight.
    upgrade: {
      from: 'started',
      to: 'started',
      signal: 'charm',
      args: z.object({ charm: z.number() }),
      error: 'fail_upgrade',
      keepVariables: true,
    },
    fail_upgrade: { from: 'started', to: 'upgrade_error', keepVariables: true },
    retry_upgrade: {
      from: 'upgrade_error',
      to: 'started',
      signal: 'resolved',
      alias: 'retry',
      keepVariables: true,
    },
    retry_upgrade_hook: {
      from: 'upgrade_error',
      to: 'started',
      signal: 'resolved-with-hook',
      args: z.object({ charm: z.number() }),
      alias: 'retry_hook',
      keepVariables: true,
    },
    stop: { from: 'started', to: 'stopped', signal: 'stop', error: 'fail_stop', keepVariables: true },
    fail_stop: { from: 'started', to: 'stop_error', keepVariables: true },
    retry_stop: {
      from: 'stop_error',
      to: 'stopped',
      signal: 'resolved',
      alias: 'retry',
      keepVariables: true,
    },
  },
});

export const relation = defineWorkflow({
  name: 'relation',
  version: 1,
  states: ['up', 'join_error', 'departed'],
  transitions: {
    join: { from: null, to: 'up', automatic: true, error: 'fail_join', keepVariables: true },
    fail_join: { from: null, to: 'join_error', keepVariables: true },
    retry_join: { from: 'join_error', to: 'up', signal: 'resolved', alias: 'retry', keepVariables: true },
    depart: { from: ['up', 'join_error'], to: 'departed', signal: 'depart', keepVariables: true },
  },
});
