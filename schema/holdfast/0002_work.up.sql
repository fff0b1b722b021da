-- Exclusive work. One row per (process, target) that was ever claimed; it is never deleted, so the token
-- in it only grows. A row is free when holder is null or the holder's session is gone or past its deadline.
-- Lock keys of exclusion groups are rows too; their process is 'group:' and the group's name.
CREATE TABLE IF NOT EXISTS holdfast.work (
  process TEXT NOT NULL,
  target TEXT NOT NULL,
  holder UUID,
  token INT8 NOT NULL,
  started_at TIMESTAMPTZ,
  -- Who held it when it was taken over; null when it was free. Guards the take-over, see ClaimWork.
  taken_from UUID,
  -- Backoff: not claimable before this time. The period is whole seconds, before jitter.
  not_before TIMESTAMPTZ,
  backoff_seconds INT8,
  backoff_cause TEXT,
  PRIMARY KEY (process, target)
);

-- What happened, once each: the key allows one start and one of each end per token. No foreign keys, so
-- history outlives its target and its session.
CREATE TABLE IF NOT EXISTS holdfast.work_history (
  target TEXT NOT NULL,
  process TEXT NOT NULL,
  token INT8 NOT NULL,
  event TEXT NOT NULL CHECK (event IN ('started', 'finished', 'failed', 'canceled', 'abandoned')),
  session_id UUID NOT NULL,
  at TIMESTAMPTZ NOT NULL DEFAULT now(),
  cause TEXT,
  PRIMARY KEY (target, process, token, event)
);

-- Work that a live session holds now.
CREATE OR REPLACE VIEW holdfast.active_work AS
  SELECT w.process, w.target, w.holder AS session_id, w.token, w.started_at
  FROM holdfast.work AS w
  JOIN holdfast.session AS s ON s.session_id = w.holder
  JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  WHERE d.deadline > now();

-- What a claim would refuse now: held by a live session, or backing off. For NOT EXISTS in retrievals.
CREATE OR REPLACE VIEW holdfast.unavailable_work AS
  SELECT w.process, w.target
  FROM holdfast.work AS w
  LEFT JOIN holdfast.session AS s ON s.session_id = w.holder
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  WHERE (s.session_id IS NOT NULL AND d.deadline > now()) OR w.not_before > now();
