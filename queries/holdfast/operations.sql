-- name: ReadyOperations :many
-- Targets whose operation is READY, those that have waited longest first: by the partial index, and the lock rows by
-- primary key. With @free, none that a claim would refuse, and none whose target another operation of the pipeline is at
-- work on.
SELECT o.target
FROM holdfast.operation AS o
WHERE o.kind = @kind AND o.state = 'READY'
  AND (@free::BOOL OR EXISTS (
    SELECT 1 FROM holdfast.operation_status AS s WHERE s.target = o.target AND s.kind = o.kind AND s.state = 'READY'))
  AND (NOT @free::BOOL OR (
    NOT EXISTS (SELECT 1 FROM holdfast.unavailable_work AS u WHERE u.kind = @kind AND u.target = o.target)
    AND NOT EXISTS (SELECT 1 FROM holdfast.unavailable_work AS u WHERE u.kind = @lock_kind AND u.target = o.target)))
ORDER BY o.changed_at, o.target
LIMIT @wanted::INT8;

-- name: StandingOperation :one
-- What is written down of an operation, and whether its target was deleted: by primary key. Whether somebody works on it
-- is for its lock row to say.
SELECT (SELECT state FROM holdfast.operation WHERE target = @target AND kind = @kind) AS state,
  EXISTS (SELECT 1 FROM holdfast.deleted_target WHERE pipeline = @pipeline AND target = @target) AS "is_deleted!";

-- name: EnableOperations :many
-- Makes operations of a target READY, unless it was deleted: by primary key, one statement. Their lock rows are made where
-- there are none, and locked until the commit (as by LockWork), so that a claim comes before, and shows here, or after, and
-- is made by somebody who sees what the transaction has written. One that is READY stays as it is, so that two of these
-- are one, unless a worker holds it, and may have begun before what it is asked for: then one more generation is asked
-- for, once. Gives those that are READY now, and whether something keeps them from being claimed.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH locked AS (
  INSERT INTO holdfast.work AS w (target, kind, token)
  SELECT @target::TEXT, k.kind, CAST(extract(epoch FROM now()) * 1000 AS INT8) FROM unnest(@kinds::TEXT[]) AS k (kind)
  ORDER BY k.kind
  ON CONFLICT (target, kind) DO UPDATE SET token = w.token
  RETURNING kind, holder, COALESCE(failures, 0) > 0 OR not_before IS NOT NULL AS has_failed
), enabled AS (
  INSERT INTO holdfast.operation AS o (target, kind, state, requested)
  SELECT @target::TEXT, l.kind, 'READY', CASE WHEN l.holder IS NULL THEN 1 ELSE 2 END
  FROM locked AS l
  WHERE NOT EXISTS (SELECT 1 FROM holdfast.deleted_target AS g WHERE g.pipeline = @pipeline AND g.target = @target)
  ORDER BY l.kind
  ON CONFLICT (target, kind) DO UPDATE
  SET state = 'READY',
    requested = CASE WHEN o.state <> 'READY' THEN o.requested + 1
      WHEN excluded.requested = 2 AND o.requested = o.done + 1 THEN o.requested + 1
      ELSE o.requested END,
    changed_at = CASE WHEN o.state <> 'READY' THEN now() ELSE o.changed_at END
  RETURNING kind
)
SELECT e.kind, CASE WHEN l.holder IS NULL THEN l.has_failed ELSE NOT EXISTS (
    SELECT 1 FROM holdfast.session_deadline AS d WHERE d.session_id = l.holder AND d.deadline > now()) END AS "is_kept_back!"
FROM enabled AS e JOIN locked AS l ON l.kind = e.kind
ORDER BY e.kind;

-- name: SettleOperation :one
-- The end of one generation, the one after the last that was done, by primary key: READY again when another one was asked
-- for while it was worked on. The message is given, or cleared (OK), or kept.
UPDATE holdfast.operation
SET state = CASE WHEN requested > done + 1 THEN 'READY' ELSE @state::TEXT END,
  done = done + 1,
  message = COALESCE(sqlc.narg(message)::TEXT, CASE WHEN @state::TEXT <> 'OK' THEN message END),
  changed_at = now()
WHERE target = @target AND kind = @kind
RETURNING state, done AS generation;

-- name: WriteOperation :exec
-- Writes the state and message of an operation that nobody works on, by primary key. Null leaves as it is.
INSERT INTO holdfast.operation AS o (target, kind, state, message, requested, done)
VALUES (@target, @kind, COALESCE(sqlc.narg(state)::TEXT, 'FAILED'), sqlc.narg(message)::TEXT, 1, 1)
ON CONFLICT (target, kind) DO UPDATE
SET state = COALESCE(sqlc.narg(state)::TEXT, o.state), message = COALESCE(excluded.message, o.message),
  done = CASE WHEN sqlc.narg(state)::TEXT IS NULL THEN o.done ELSE o.requested END,
  changed_at = CASE WHEN o.state <> COALESCE(sqlc.narg(state)::TEXT, o.state) THEN now() ELSE o.changed_at END;

-- name: DeleteOperations :exec
-- Takes a target's operations away and notes that it is gone: by primary key prefix.
WITH gone AS (
  INSERT INTO holdfast.deleted_target (pipeline, target) VALUES (@pipeline, @target)
  ON CONFLICT (pipeline, target) DO NOTHING
  RETURNING target
)
DELETE FROM holdfast.operation WHERE target = @target AND kind = ANY(@kinds::TEXT[]);

-- name: OperationStatus :many
-- One snapshot of some targets: by primary key prefix.
SELECT target AS "target!", kind AS "kind!", state AS "state!", message, requested AS "requested!", done AS "done!",
  attempts AS "attempts!", session_id, created_at AS "created_at!", changed_at AS "changed_at!"
FROM holdfast.operation_status
WHERE target = ANY(@targets::TEXT[]) AND kind = ANY(@kinds::TEXT[])
ORDER BY target, kind;

-- name: ListOperations :many
-- A page of a pipeline's operations, in the order of their keys: from the primary key, filtered. Null filters nothing.
SELECT target AS "target!", kind AS "kind!", state AS "state!", message, requested AS "requested!", done AS "done!",
  attempts AS "attempts!", session_id, created_at AS "created_at!", changed_at AS "changed_at!"
FROM holdfast.operation_status
WHERE kind = ANY(@kinds::TEXT[]) AND (target, kind) > (@after_target::TEXT, @after_kind::TEXT)
  AND (sqlc.narg(targets)::TEXT[] IS NULL OR target = ANY(sqlc.narg(targets)::TEXT[]))
  AND (sqlc.narg(state)::TEXT IS NULL OR state = sqlc.narg(state)::TEXT)
  AND (sqlc.narg(message)::TEXT IS NULL OR message = sqlc.narg(message)::TEXT)
  AND (sqlc.narg(since)::TIMESTAMPTZ IS NULL OR changed_at >= sqlc.narg(since)::TIMESTAMPTZ)
  AND (sqlc.narg(until)::TIMESTAMPTZ IS NULL OR changed_at < sqlc.narg(until)::TIMESTAMPTZ)
ORDER BY target, kind
LIMIT @page::INT8;

-- name: CountOperations :many
-- How many there are, by operation and state, of some kinds or (null) of all: reads the whole table. Run it seldom.
SELECT kind AS "kind!", state AS "state!", count(*) AS operations
FROM holdfast.operation_status
WHERE sqlc.narg(kinds)::TEXT[] IS NULL OR kind = ANY(sqlc.narg(kinds)::TEXT[])
GROUP BY kind, state
ORDER BY kind, state;

-- name: OperationFailures :many
-- The failures of a pipeline, grouped by operation and message, the most frequent first: reads the whole table.
SELECT kind AS "kind!", message, count(*) AS operations, min(target) AS "example!"
FROM holdfast.operation_status
WHERE kind = ANY(@kinds::TEXT[]) AND state = 'FAILED'
GROUP BY kind, message
ORDER BY operations DESC, kind, message
LIMIT @groups::INT8;

-- name: TargetsWithoutOperations :many
-- Of the given targets those that have no operation of the pipeline at all: by primary key prefix.
SELECT t.target AS "target!"
FROM unnest(@targets::TEXT[]) AS t (target)
WHERE NOT EXISTS (SELECT 1 FROM holdfast.operation AS o WHERE o.target = t.target AND o.kind = ANY(@kinds::TEXT[]))
ORDER BY t.target;

-- name: KindsOfPipeline :many
-- The operations that a pipeline has rows of; for the command line, which has no declaration of it. Reads the table.
SELECT DISTINCT kind FROM holdfast.operation WHERE kind LIKE @prefix::TEXT ORDER BY kind;

-- name: OperationsOf :many
-- Every operation of a target, in whichever pipelines: by the prefix of the primary key, and its lock rows by theirs.
SELECT target AS "target!", kind AS "kind!", state AS "state!", message, requested AS "requested!", done AS "done!",
  attempts AS "attempts!", created_at AS "created_at!", changed_at AS "changed_at!"
FROM holdfast.operation_status
WHERE target = @target
ORDER BY kind;

-- name: PageOfOperations :many
-- A page of the operations of all pipelines, in the order of their keys, filtered: from the primary key. Of at most @scan rows
-- that are read the last one (is_last) is the next position, so that a page costs the same however large the table is. Lock rows
-- and deadlines by primary key, for what may be wanted. The state is that of operation_status.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH slice AS (
  SELECT o.target, o.kind, o.state, o.message, o.created_at, o.changed_at
  FROM holdfast.operation AS o
  WHERE (o.target, o.kind) > (@after_target::TEXT, @after_kind::TEXT)
  ORDER BY o.target, o.kind
  LIMIT @scan::INT8
), reached AS (
  SELECT s.target, s.kind, (SELECT count(*) FROM slice) AS scanned FROM slice AS s ORDER BY s.target DESC, s.kind DESC LIMIT 1
), likely AS (
  SELECT s.target, s.kind, s.state, s.message, s.created_at, s.changed_at, (s.target = e.target AND s.kind = e.kind) AS is_last,
    e.scanned,
    ((sqlc.narg(prefix)::TEXT IS NULL OR left(s.target, length(sqlc.narg(prefix)::TEXT)) = sqlc.narg(prefix)::TEXT)
      AND (sqlc.narg(kind)::TEXT IS NULL OR s.kind = sqlc.narg(kind)::TEXT)
      AND (sqlc.narg(state)::TEXT IS NULL OR s.state IN (sqlc.narg(state)::TEXT, 'READY'))) AS is_likely
  FROM slice AS s
  CROSS JOIN reached AS e
), judged AS (
  SELECT x.target, x.kind, x.created_at, x.changed_at, x.is_last, x.scanned, x.is_likely,
    CASE WHEN d.deadline > now() THEN 'WORKING'
      WHEN x.state = 'READY' AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
        THEN 'FAILED'
      ELSE x.state END AS state,
    CASE WHEN x.state = 'READY' AND w.failures > 0 THEN COALESCE(w.backoff_cause, x.message) ELSE x.message END AS message,
    COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END AS attempts,
    CASE WHEN d.deadline > now() THEN w.holder END AS session_id
  FROM likely AS x
  LEFT JOIN holdfast.work AS w ON w.target = x.target AND w.kind = x.kind
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = x.kind
  WHERE x.is_likely OR x.is_last
)
SELECT j.target AS "target!", j.kind AS "kind!", j.state AS "state!", j.message, j.attempts AS "attempts!", j.session_id,
  j.created_at AS "created_at!", j.changed_at AS "changed_at!", j.is_last AS "is_last!", j.scanned AS "scanned!",
  (j.is_likely AND (sqlc.narg(state)::TEXT IS NULL OR j.state = sqlc.narg(state)::TEXT)) AS "wanted!"
FROM judged AS j
WHERE j.is_last OR sqlc.narg(state)::TEXT IS NULL OR j.state = sqlc.narg(state)::TEXT
ORDER BY j.target, j.kind
LIMIT @page::INT8;

-- name: FailedGroups :many
-- Failures of all pipelines by operation and message, the most frequent first: by the index of what has failed, at most @most rows.
SELECT f.kind AS "kind!", f.message, count(*) AS "operations!", min(f.target) AS "example!", max(f.changed_at) AS "latest!"
FROM (
  SELECT o.kind, o.message, o.target, o.changed_at
  FROM holdfast.operation AS o
  WHERE o.state = 'FAILED'
  ORDER BY o.kind, o.target
  LIMIT @most::INT8
) AS f
GROUP BY f.kind, f.message
ORDER BY 3 DESC, 1, 2
LIMIT @page::INT8;

-- name: WaitingOperations :many
-- How many operations wait, at most @most, and since when the oldest does; and how many have failed: by the two partial indexes.
SELECT r.kind AS "kind!", count(*) AS "waiting!", min(r.changed_at) AS oldest_at, 0::INT8 AS "failed!", NULL::TEXT AS example
FROM (
  SELECT o.kind, o.changed_at FROM holdfast.operation AS o WHERE o.state = 'READY' ORDER BY o.kind, o.changed_at LIMIT @most::INT8
) AS r
GROUP BY r.kind
UNION ALL
SELECT f.kind, 0::INT8, min(f.changed_at), count(*), min(f.target)
FROM (
  SELECT o.kind, o.target, o.changed_at FROM holdfast.operation AS o WHERE o.state = 'FAILED' ORDER BY o.kind, o.target LIMIT @most::INT8
) AS f
GROUP BY f.kind;

-- name: NoteRerun :exec
-- Writes down who runs an operation again, and why: as what operators do is.
INSERT INTO holdfast.intervention (kind, target, event, at, cause)
VALUES (@kind, @target, 'released', clock_timestamp(), @cause::TEXT);
