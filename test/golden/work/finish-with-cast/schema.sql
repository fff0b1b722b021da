CREATE SCHEMA IF NOT EXISTS holdfast;
-- A session is one worker's proof of life. Identity and deadline are two tables on purpose: every
-- transaction reads the identity row (the fence), every heartbeat writes the deadline row, so heartbeats
-- never disturb a transaction.

-- Whoever takes a dead session's work over deletes its row here; that absence is what fences it.
CREATE TABLE IF NOT EXISTS holdfast.session (
  session_id UUID NOT NULL PRIMARY KEY,
  component TEXT NOT NULL,
  runtime_info TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  interval_ms INT8 NOT NULL CHECK (interval_ms > 0)
);

-- Narrow and hot: one update per session and heartbeat. No secondary index, so the update stays in place.
CREATE TABLE IF NOT EXISTS holdfast.session_deadline (
  session_id UUID NOT NULL PRIMARY KEY,
  deadline TIMESTAMPTZ NOT NULL,
  interval_ms INT8 NOT NULL CHECK (interval_ms > 0)
);

-- Liveness for anyone's SQL: join it, or test with EXISTS.
CREATE OR REPLACE VIEW holdfast.live_session AS
  SELECT s.session_id, s.component, s.runtime_info, s.created_at, s.interval_ms, d.deadline
  FROM holdfast.session AS s
  JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
  WHERE d.deadline > now();
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
CREATE TABLE machine (machine_id UUID NOT NULL PRIMARY KEY, rack TEXT NOT NULL, installed_at TIMESTAMPTZ);
ALTER TABLE machine ADD COLUMN slot INT4 NOT NULL UNIQUE;
