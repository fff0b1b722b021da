-- name: StartSession :one
-- Creates a session and its first deadline. One statement, two rows by primary key, no conflicts.
WITH created AS (
  INSERT INTO holdfast.session (session_id, component, instance, interval_ms)
  VALUES (@session_id, @component, @instance, @interval_ms)
  RETURNING session_id, interval_ms
), deadline AS (
  INSERT INTO holdfast.session_deadline (session_id, deadline, interval_ms)
  SELECT session_id, now() + interval_ms * INTERVAL '1 millisecond', interval_ms FROM created
  RETURNING session_id, deadline
)
SELECT session_id, deadline FROM deadline;

-- name: FenceSession :one
-- The liveness check of every transaction: an existence read by primary key. A missing row RAISES (the text
-- does not cast to INT8), so that whatever was pipelined behind it, a COMMIT included, cannot take effect.
SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM holdfast.session WHERE session_id = @session_id)
  THEN '1' ELSE 'holdfast:session-expired' END AS INT8) AS live;

-- name: SealSession :one
-- The same check once more in the message of the COMMIT, on PostgreSQL only: the row lock makes it fail when
-- the session's row was deleted after this transaction's snapshot was taken. KEY SHARE locks of one session's
-- transactions do not exclude each other, and heartbeats write another table.
-- lint:ignore HL004 PostgreSQL only, where it does lock
SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM holdfast.session WHERE session_id = @session_id FOR KEY SHARE)
  THEN '1' ELSE 'holdfast:session-expired' END AS INT8) AS live;

-- name: Heartbeat :many
-- Extends all of one process's sessions in one statement, by primary key. A session past its deadline is
-- not touched: dead stays dead. Sessions that are not returned are expired.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
UPDATE holdfast.session_deadline
SET deadline = now() + interval_ms * INTERVAL '1 millisecond'
WHERE session_id = ANY(@session_ids::UUID[]) AND deadline > now()
RETURNING session_id;

-- name: CloseSessions :many
-- Deletes sessions, dead or alive, both rows in one statement, by primary key.
WITH deadline AS (
  DELETE FROM holdfast.session_deadline WHERE session_id = ANY(@session_ids::UUID[]) RETURNING session_id
)
DELETE FROM holdfast.session WHERE session_id = ANY(@session_ids::UUID[]) RETURNING session_id;

-- name: ListSessions :many
-- Every session with its deadline, living ones first.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT s.session_id, s.component, s.instance, s.created_at, s.interval_ms, d.deadline, d.deadline > now() AS live
FROM holdfast.session AS s
JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
ORDER BY live DESC, s.component, s.created_at, s.session_id;
