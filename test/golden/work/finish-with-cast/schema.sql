CREATE SCHEMA IF NOT EXISTS holdfast;
-- A session is one worker's proof of life. Identity and deadline are two tables on purpose: every
-- transaction reads the identity row (the fence), every heartbeat writes the deadline row, so heartbeats
-- never disturb a transaction.

-- Whoever takes a dead session's work over deletes its row here; that absence is what fences it.
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
-- Exclusive work. One row per (kind, target) that was ever claimed; it is never deleted, so the token
-- in it only grows. A row is free when holder is null or the holder's session is gone or past its deadline.
-- Lock keys of exclusion groups are rows too; their kind is 'group:' and the group's name.
--
-- Hot: written when work is claimed and when it ends, so it has no secondary index, and half of each page is left
-- free: the second write then stays beside the first and touches no index (PostgreSQL).
CREATE TABLE IF NOT EXISTS holdfast.work (
  target TEXT NOT NULL,
  kind TEXT NOT NULL,
  token INT8 NOT NULL,
  holder UUID,
  -- When the claim with this token began.
  started_at TIMESTAMPTZ,
  -- Number of the claim statement that took it, among those of its holder; null when a transaction did.
  claim INT8,
  -- Backoff: not claimable before this time. The period is whole seconds, before jitter.
  not_before TIMESTAMPTZ,
  backoff_seconds INT8,
  -- Who held it when it was taken over; null when it was free. Guards the take-over, see ClaimWork.
  taken_from UUID,
  backoff_cause TEXT,
  PRIMARY KEY (target, kind)
) WITH (fillfactor = 50);

-- Claims that have ended, one row each, start and end: written once, in the commit that ends it. No foreign keys,
-- so it outlives its target and its session.
CREATE TABLE IF NOT EXISTS holdfast.ended_work (
  target TEXT NOT NULL,
  kind TEXT NOT NULL,
  token INT8 NOT NULL,
  session_id UUID NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  event TEXT NOT NULL CHECK (event IN ('finished', 'failed', 'canceled', 'abandoned')),
  cause TEXT,
  PRIMARY KEY (target, kind, token)
);

-- What happened, once each: every claim that was made, under way or over, and every end.
CREATE OR REPLACE VIEW holdfast.work_history AS
  SELECT e.target, e.kind, e.token, 'started' AS event, e.session_id, e.started_at AS at, NULL::TEXT AS cause
  FROM holdfast.ended_work AS e
  UNION ALL
  SELECT e.target, e.kind, e.token, e.event, e.session_id, e.ended_at, e.cause
  FROM holdfast.ended_work AS e
  UNION ALL
  SELECT w.target, w.kind, w.token, 'started', w.holder, w.started_at, NULL::TEXT
  FROM holdfast.work AS w
  WHERE w.holder IS NOT NULL AND w.kind NOT LIKE 'group:%';

-- Work that a live session holds now.
CREATE OR REPLACE VIEW holdfast.active_work AS
  SELECT w.kind, w.target, w.holder AS session_id, w.token, w.started_at
  FROM holdfast.work AS w
  JOIN holdfast.session AS s ON s.session_id = w.holder
  JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  WHERE d.deadline > now();

-- What a claim would refuse now: held by a live session, or backing off. For NOT EXISTS in retrievals.
CREATE OR REPLACE VIEW holdfast.unavailable_work AS
  SELECT w.kind, w.target
  FROM holdfast.work AS w
  LEFT JOIN holdfast.session AS s ON s.session_id = w.holder
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  WHERE (s.session_id IS NOT NULL AND d.deadline > now()) OR w.not_before > now();
CREATE TABLE machine (machine_id UUID NOT NULL PRIMARY KEY, rack TEXT NOT NULL, installed_at TIMESTAMPTZ);
ALTER TABLE machine ADD COLUMN slot INT4 NOT NULL UNIQUE;
