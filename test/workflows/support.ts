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

/** Each transition done at most once an intent, and the last state of the history is the row's. */
export const INCONSISTENT = `SELECT 'outcomes of intent ' || h.intent, h.target FROM holdfast.workflow_history AS h
    WHERE h.event IN ('done', 'failed') GROUP BY h.workflow, h.target, h.intent HAVING count(*) > 1
  UNION ALL
  SELECT 'intents without an outcome', i.target FROM holdfast.workflow AS i
    WHERE i.in_flight IS NULL AND i.intents <> (SELECT count(*) FROM holdfast.workflow_history AS h
      WHERE h.workflow = i.workflow AND h.target = i.target AND h.event IN ('done', 'failed'))
  UNION ALL
  SELECT 'state ' || COALESCE(i.state, 'none'), i.target FROM holdfast.workflow AS i
    JOIN holdfast.workflow_history AS h ON h.workflow = i.workflow AND h.target = i.target AND h.event = 'done'
      AND h.intent = (SELECT max(m.intent) FROM holdfast.workflow_history AS m
        WHERE m.workflow = i.workflow AND m.target = i.target AND m.event = 'done')
    WHERE i.state IS DISTINCT FROM h.state OR i.variables <> h.data`;
