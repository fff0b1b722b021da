-- Instances of workflows, one row each. Whether a worker holds one is for its lock row to say (kind: workflow: and the
-- name). What is in flight was written before its action began, with its arguments, so a worker that dies leaves nothing
-- to be guessed. From one step to the next due_at stays, so that on PostgreSQL the row is written without its indexes, in the
-- room that each page keeps free for it.
CREATE TABLE IF NOT EXISTS holdfast.workflow (
  workflow TEXT NOT NULL,
  target TEXT NOT NULL,
  -- Version of the definition that it follows.
  version INT8 NOT NULL,
  -- Null: the initial state.
  state TEXT,
  variables JSONB NOT NULL,
  entered_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- The transition in flight, its arguments, how often its action was begun, and when it was first.
  in_flight TEXT,
  arguments JSONB,
  attempt INT8 NOT NULL DEFAULT 0,
  in_flight_at TIMESTAMPTZ,
  -- How many transitions were begun; the number of one, with workflow and target, is its idempotency key.
  intents INT8 NOT NULL DEFAULT 0,
  -- Raised by every write of a holder, which names the one it read: one whose answer was lost cannot come late.
  revision INT8 NOT NULL DEFAULT 0,
  -- Raised by whatever wants the instance looked at: a holder that rests names the number it read.
  wakes INT8 NOT NULL DEFAULT 0,
  -- The only thing that a claim looks at: something is to be done at this time. Null: it waits, and costs nothing.
  due_at TIMESTAMPTZ,
  -- Why nobody goes on with it before an operator has decided.
  stuck TEXT,
  canceled_at TIMESTAMPTZ,
  cancel_reason TEXT,
  -- The intent that carried the cancel out.
  cancel_intent INT8,
  -- Of the key and the variables that it was started with: tells a second start from another one.
  start_digest TEXT NOT NULL,
  -- Who waits for its end.
  parent_workflow TEXT,
  parent_target TEXT,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (workflow, target)
) WITH (fillfactor = 70);
-- What is due, the longest first; the version keeps workers off the rows of versions that they do not run.
CREATE INDEX IF NOT EXISTS workflow_due ON holdfast.workflow (workflow, due_at, version, target) WHERE due_at IS NOT NULL;
-- For the sweep.
CREATE INDEX IF NOT EXISTS workflow_ended ON holdfast.workflow (ended_at) WHERE ended_at IS NOT NULL;

-- Every intent and every outcome, once each, never changed.
CREATE TABLE IF NOT EXISTS holdfast.workflow_history (
  workflow TEXT NOT NULL,
  target TEXT NOT NULL,
  intent INT8 NOT NULL,
  attempt INT8 NOT NULL,
  -- started; fired (about to run an action); done; failed (state unchanged, or an error transition follows); stuck;
  -- canceled (asked for); ended; migrated; what an operator did: retried, skipped, forced.
  event TEXT NOT NULL CHECK (event IN
    ('started', 'fired', 'done', 'failed', 'stuck', 'canceled', 'ended', 'migrated', 'retried', 'skipped', 'forced')),
  at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  transition TEXT,
  -- The state afterwards.
  state TEXT,
  -- Arguments of what was fired, variables of all else that changes them.
  data JSONB,
  message TEXT,
  PRIMARY KEY (workflow, target, intent, attempt, event, at)
);

-- What was said to instances, kept until a state that waits for it takes it, oldest first.
CREATE TABLE IF NOT EXISTS holdfast.workflow_signal (
  workflow TEXT NOT NULL,
  target TEXT NOT NULL,
  name TEXT NOT NULL,
  -- Given twice, a signal is one.
  key TEXT NOT NULL,
  payload JSONB NOT NULL,
  at TIMESTAMPTZ NOT NULL DEFAULT now(),
  consumed_at TIMESTAMPTZ,
  PRIMARY KEY (workflow, target, name, key)
);

-- Definitions as their programs wrote them down: for diagrams and for operators.
CREATE TABLE IF NOT EXISTS holdfast.workflow_definition (
  workflow TEXT NOT NULL,
  version INT8 NOT NULL,
  definition JSONB NOT NULL,
  PRIMARY KEY (workflow, version)
);

-- What an operator sees of an instance: also who works on it, and whether its workers died too often.
CREATE OR REPLACE VIEW holdfast.workflow_status AS
  SELECT i.workflow, i.target, i.version, i.state, i.variables, i.entered_at, i.in_flight, i.arguments, i.attempt,
    i.in_flight_at, i.intents, i.due_at, i.canceled_at, i.cancel_reason, i.parent_workflow, i.parent_target,
    i.started_at, i.ended_at,
    CASE WHEN d.deadline > now() THEN w.holder END AS session_id,
    COALESCE(i.stuck,
      CASE WHEN i.ended_at IS NULL AND (d.deadline IS NULL OR d.deadline <= now())
          AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
        THEN COALESCE(w.backoff_cause, 'its workers died') END) AS stuck
  FROM holdfast.workflow AS i
  LEFT JOIN holdfast.work AS w ON w.target = i.target AND w.kind = 'workflow:' || i.workflow
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = 'workflow:' || i.workflow;
