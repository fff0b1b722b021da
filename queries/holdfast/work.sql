-- name: ClaimWork :many
-- Claims up to @wanted of the candidates, in their order, in ONE statement: reads every lock key of every
-- candidate by primary key, keeps the candidates all of whose keys are free (or held by a session that is gone
-- or past its deadline) and due, evicts those dead holders, takes the keys with token + 1, and writes the
-- history. Nothing is taken for a session that is itself not live. May conflict with another claimer of the
-- same key: the upsert's guard (same token, same holder as read) decides, so it is right at READ COMMITTED too.
-- Candidates come as parallel arrays, one element per lock key; ord numbers the candidate. Gives the keys taken
-- (token not null), or, when nothing was taken, every key with what stands in the way.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH candidate AS (
  SELECT c.ord, c.kind, c.target
  FROM unnest(@ords::INT8[], @kinds::TEXT[], @targets::TEXT[]) AS c (ord, kind, target)
), seen AS (
  SELECT c.ord, c.kind, c.target, w.holder, COALESCE(w.token, 0::INT8) AS token, w.started_at, w.not_before,
    s.session_id AS held_by, d.deadline
  FROM candidate AS c
  LEFT JOIN holdfast.work AS w ON w.kind = c.kind AND w.target = c.target
  LEFT JOIN holdfast.session AS s ON s.session_id = w.holder
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
), claimable AS (
  SELECT ord
  FROM seen
  GROUP BY ord
  HAVING bool_and((held_by IS NULL OR deadline IS NULL OR deadline <= now())
    AND (not_before IS NULL OR not_before <= now()))
  ORDER BY ord
  LIMIT @wanted::INT8
), chosen AS (
  SELECT s.ord, s.kind, s.target, s.holder, s.held_by, s.token, s.started_at
  FROM seen AS s JOIN claimable AS c ON c.ord = s.ord
), live AS (
  SELECT s.session_id
  FROM holdfast.session AS s
  JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
  WHERE s.session_id = @session_id AND d.deadline > now()
), dead AS (
  DELETE FROM holdfast.session_deadline
  WHERE session_id IN (SELECT held_by FROM chosen WHERE held_by IS NOT NULL AND EXISTS (SELECT 1 FROM live))
    AND deadline <= now()
  RETURNING session_id
), evicted AS (
  DELETE FROM holdfast.session WHERE session_id IN (SELECT session_id FROM dead) RETURNING session_id
), taken AS (
  INSERT INTO holdfast.work AS w (kind, target, holder, token, started_at, taken_from)
  SELECT c.kind, c.target, l.session_id, c.token + 1, now(), c.holder
  FROM chosen AS c CROSS JOIN live AS l
  WHERE c.held_by IS NULL OR c.held_by IN (SELECT session_id FROM evicted)
  ORDER BY c.kind, c.target
  ON CONFLICT (kind, target) DO UPDATE
  SET holder = excluded.holder, token = excluded.token, started_at = excluded.started_at,
    taken_from = excluded.taken_from, claim = NULL
  WHERE w.token = excluded.token - 1 AND w.holder IS NOT DISTINCT FROM excluded.taken_from
  RETURNING kind, target, token, taken_from, backoff_seconds
), abandoned AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, event)
  SELECT t.target, t.kind, t.token - 1, t.taken_from, c.started_at, 'abandoned'
  FROM taken AS t JOIN chosen AS c ON c.kind = t.kind AND c.target = t.target
  WHERE t.kind = @kind AND t.taken_from IS NOT NULL
  RETURNING token
)
SELECT s.ord AS "ord!", s.kind AS "kind!", s.target AS "target!", t.token, t.taken_from, t.backoff_seconds,
  (s.held_by IS NOT NULL AND s.deadline > now()) AS "held!",
  COALESCE(s.not_before > now(), false) AS "backing_off!"
FROM seen AS s
LEFT JOIN taken AS t ON t.kind = s.kind AND t.target = s.target
WHERE t.token IS NOT NULL OR NOT EXISTS (SELECT 1 FROM taken)
ORDER BY s.ord, s.kind, s.target;

-- name: HoldWork :one
-- Proof of ownership inside a transaction: by primary key, raises unless the token is the current one.
SELECT CAST(CASE WHEN EXISTS (
    SELECT 1 FROM holdfast.work
    WHERE kind = @kind AND target = @target AND holder = @session_id AND token = @token)
  THEN '1' ELSE 'holdfast:lease-lost' END AS INT8) AS held;

-- name: SealWork :one
-- The same proof once more, in the message of the COMMIT: by primary key, and with a lock. An end or a take-over
-- writes this row, so either it waits until this transaction has committed, or this statement meets it: it fails
-- with a serialization failure, or (READ COMMITTED) reads the new row and raises.
SELECT CAST(CASE WHEN EXISTS (
    SELECT 1 FROM holdfast.work
    WHERE kind = @kind AND target = @target AND holder = @session_id AND token = @token
    FOR NO KEY UPDATE)
  THEN '1' ELSE 'holdfast:lease-lost' END AS INT8) AS held;

-- name: ReleaseWork :one
-- Ends one claim: frees its keys (parallel arrays, by primary key), sets or clears the backoff of its own
-- (kind, target), writes the history. Raises, so that nothing piped behind it takes effect, unless every
-- key is still held by this session with this token. @event is finished, failed or canceled; a canceled one
-- keeps the backoff it had, a finished one clears it, a failed one keeps others away for @delay_ms and
-- remembers @backoff_seconds, the period before jitter, for the next failure to build on.
WITH released AS (
  UPDATE holdfast.work AS w
  SET holder = NULL, taken_from = NULL,
    not_before = CASE WHEN w.kind <> @kind OR @event::TEXT = 'canceled' THEN w.not_before
      WHEN @event::TEXT = 'failed' THEN now() + @delay_ms::INT8 * INTERVAL '1 millisecond' END,
    backoff_seconds = CASE WHEN w.kind <> @kind OR @event::TEXT = 'canceled' THEN w.backoff_seconds
      WHEN @event::TEXT = 'failed' THEN sqlc.narg(backoff_seconds)::INT8 END,
    backoff_cause = CASE WHEN w.kind <> @kind OR @event::TEXT = 'canceled' THEN w.backoff_cause
      WHEN @event::TEXT = 'failed' THEN sqlc.narg(cause)::TEXT END
  FROM unnest(@kinds::TEXT[], @targets::TEXT[], @tokens::INT8[]) AS k (kind, target, token)
  WHERE w.kind = k.kind AND w.target = k.target AND w.holder = @session_id::UUID AND w.token = k.token
  RETURNING w.kind, w.target, w.token, w.started_at
), history AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, event, cause)
  SELECT target, kind, token, @session_id::UUID, started_at, @event::TEXT, sqlc.narg(cause)::TEXT
  FROM released WHERE kind = @kind
  RETURNING token
)
SELECT CAST(CASE WHEN (SELECT count(*) FROM released) = @keys::INT8
  THEN '1' ELSE 'holdfast:lease-lost' END AS INT8) AS released;

-- name: WorkHistory :many
-- Everything that happened to a target, oldest first: by primary key prefix, in both tables.
SELECT target AS "target!", kind AS "kind!", token AS "token!", event AS "event!", session_id AS "session_id!",
  at AS "at!", cause
FROM holdfast.work_history
WHERE target = @target
ORDER BY at, token, CASE WHEN event = 'started' THEN 1 ELSE 2 END, kind, event;

-- name: ActiveWork :many
-- What live sessions hold now.
SELECT kind, target, session_id, token, started_at
FROM holdfast.active_work
ORDER BY kind, target;

-- name: WorkEnding :maybe
-- How the work with this token ended, if its own session ended it: by primary key. Tells an end whose answer was
-- lost from a take-over.
SELECT event
FROM holdfast.ended_work
WHERE target = @target AND kind = @kind AND token = @token AND session_id = @session_id
  AND event <> 'abandoned';

-- name: HeldKeys :many
-- Which of the given keys (parallel arrays) this session still holds with these tokens: by primary key.
SELECT w.kind, w.target
FROM unnest(@kinds::TEXT[], @targets::TEXT[], @tokens::INT8[]) AS k (kind, target, token)
JOIN holdfast.work AS w ON w.kind = k.kind AND w.target = k.target
WHERE w.holder = @session_id::UUID AND w.token = k.token;

-- name: FinishedKeys :one
-- How many of the given claims (parallel arrays) the history says this session finished: by primary key.
SELECT count(*) AS finished
FROM unnest(@kinds::TEXT[], @targets::TEXT[], @tokens::INT8[]) AS k (kind, target, token)
JOIN holdfast.ended_work AS e ON e.target = k.target AND e.kind = k.kind AND e.token = k.token
WHERE e.session_id = @session_id::UUID AND e.event = 'finished';

-- name: HoldClaims :maybe
-- First part of settling a claim in one statement whose answer was lost: waits for every claim and finish of the
-- session that is under way, for each holds a lock on the session's row until it commits, and keeps others from
-- beginning. By primary key. No row: the session is gone, and nothing of it commits any more. On CockroachDB it is
-- the write that follows which does it: a claim that read the row before commits before, or reads it again.
SELECT session_id FROM holdfast.session WHERE session_id = @session_id FOR UPDATE;

-- name: VoidClaims :exec
-- Second part: from now on no claim of the session numbered so, or lower, takes effect, since each looks at this
-- number in the row that it locks (PostgreSQL) or reads (CockroachDB). Those that did have committed. By primary key.
UPDATE holdfast.session SET void_claims = @claim WHERE session_id = @session_id AND void_claims < @claim;

-- name: ClaimedBy :many
-- Last part: what the claim took. The only way that needs no index on what every claim and finish writes is from end
-- to end; it runs once for each lost answer.
SELECT target, kind, token, taken_from, backoff_seconds
FROM holdfast.work
WHERE holder = @session_id AND claim = @claim
ORDER BY target, kind;
