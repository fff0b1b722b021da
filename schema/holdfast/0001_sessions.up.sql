-- A session is one worker's proof of life. Identity and deadline are two tables on purpose: every
-- transaction reads the identity row (the fence), every heartbeat writes the deadline row, so heartbeats
-- never disturb a transaction.

-- A take-over of a dead session's work deletes its row here; that absence is what fences it.
CREATE TABLE IF NOT EXISTS holdfast.session (
  session_id UUID NOT NULL PRIMARY KEY,
  component TEXT NOT NULL,
  instance TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  interval_ms INT8 NOT NULL CHECK (interval_ms > 0),
  -- Claims in one statement are numbered by their session. One up to this number that has not taken effect never
  -- will: how a claim whose answer was lost is settled.
  void_claims INT8 NOT NULL DEFAULT 0
);

-- Narrow and hot: one update per session and heartbeat. No secondary index, so the update stays in place.
CREATE TABLE IF NOT EXISTS holdfast.session_deadline (
  session_id UUID NOT NULL PRIMARY KEY,
  deadline TIMESTAMPTZ NOT NULL,
  interval_ms INT8 NOT NULL CHECK (interval_ms > 0)
);

-- Liveness for anyone's SQL: join it, or test with EXISTS.
CREATE OR REPLACE VIEW holdfast.live_session AS
  SELECT s.session_id, s.component, s.instance, s.created_at, s.interval_ms, d.deadline
  FROM holdfast.session AS s
  JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
  WHERE d.deadline > now();
