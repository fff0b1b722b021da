import type { Database, Session } from '../../src/index.ts';
import { defineWorkflow, TransitionError } from '../../src/workflows/index.ts';
import { rows } from '../support/sql.ts';

/** The seed's unit workflow, small: install and start by themselves, upgrade ends in its own state. */
export const defineUnit = (name: string) =>
  defineWorkflow({
    name,
    version: 1,
    states: ['installed', 'install_error', 'started', 'start_error', 'upgrade_error', 'stopped'],
    transitions: {
      install: { from: null, to: 'installed', automatic: true, error: 'fail_install' },
      fail_install: { from: null, to: 'install_error' },
      retry_install: { from: 'install_error', to: 'installed', alias: 'retry' },
      start: { from: 'installed', to: 'started', automatic: true, error: 'fail_start' },
      fail_start: { from: 'installed', to: 'start_error' },
      retry_start: { from: 'start_error', to: 'started', alias: 'retry' },
      upgrade: { from: 'started', to: 'started', error: 'fail_upgrade' },
      fail_upgrade: { from: 'started', to: 'upgrade_error' },
      retry_upgrade: { from: 'upgrade_error', to: 'started', alias: 'retry' },
      stop: { from: ['started', 'upgrade_error'], to: 'stopped' },
    },
  });

/** The session's deadline is past: the next claim takes over what it holds. */
export const kill = (db: Database, { id }: Session) =>
  rows(
    db,
    "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
    id,
  );

export const cannot =
  (message = 'no disk') =>
  () => {
    throw new TransitionError(message);
  };

/** As when the program is broken, or its worker dies. */
export const breaks =
  (message = 'broken') =>
  () => {
    throw new Error(message);
  };
