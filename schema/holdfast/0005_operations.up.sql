-- Named operations of targets, one row each. WORKING is not a state of it: it is what a live session holds, which the
-- lock row of the same target and kind knows, so nothing has to be put right when a worker dies.
CREATE TABLE IF NOT EXISTS holdfast.operation (
  target TEXT NOT NULL,
  -- Kind of the work that carries it out: the pipeline's name, a colon, the operation's name.
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('READY', 'OK', 'WARNING', 'FAILED')),
  message TEXT,
  -- Generations: how often it was asked for, and which of them the last settled state is of.
  requested INT8 NOT NULL,
  done INT8 NOT NULL DEFAULT 0,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- When its state changed last: the order in which it is taken.
  changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (target, kind)
);
CREATE INDEX IF NOT EXISTS operation_ready ON holdfast.operation (kind, changed_at, target) WHERE state = 'READY';

-- Targets that were deleted: nothing makes an operation of them again.
CREATE TABLE IF NOT EXISTS holdfast.deleted_target (
  pipeline TEXT NOT NULL,
  target TEXT NOT NULL,
  deleted_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, target)
);

-- What an operator sees of an operation: who works on it, how many attempts there were without an end of it, and
-- whether they are used up.
CREATE OR REPLACE VIEW holdfast.operation_status AS
  SELECT o.target, o.kind,
    CASE WHEN d.deadline > now() THEN 'WORKING'
      WHEN o.state = 'READY' AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
        THEN 'FAILED'
      ELSE o.state END AS state,
    CASE WHEN o.state = 'READY' AND w.failures > 0 THEN COALESCE(w.backoff_cause, o.message) ELSE o.message END AS message,
    o.requested, o.done,
    COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END AS attempts,
    CASE WHEN d.deadline > now() THEN w.holder END AS session_id, o.created_at, o.changed_at
  FROM holdfast.operation AS o
  LEFT JOIN holdfast.work AS w ON w.target = o.target AND w.kind = o.kind
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = o.kind;
