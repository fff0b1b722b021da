-- name: SeenTokens :many
-- Tokens and holders of lock keys (parallel arrays), by primary key, in their order; null for a key that was never
-- claimed. Runs in the snapshot of the retrieval: a claim takes a candidate only while both are still these.
SELECT k.n AS "n!", w.token, w.holder
FROM unnest(@ns::INT8[], @kinds::TEXT[], @targets::TEXT[]) AS k (n, kind, target)
LEFT JOIN holdfast.work AS w ON w.kind = k.kind AND w.target = k.target
ORDER BY k.n;

-- name: ClaimWork :many
-- Claims up to @wanted of the candidates, in their order, in ONE statement and one round trip: reads every lock key
-- of every candidate by primary key, keeps the candidates all of whose keys are free (or held by a session that is
-- gone or past its deadline), due and as they were when they were retrieved (@tokens, 0 for a key without a row;
-- @holders, empty for none),
-- evicts those dead holders, takes the keys with the next token, and writes what was abandoned to the history.
-- Right at READ COMMITTED: the upsert's guard (same token, same holder as read; parked is false in a key that had no
-- row, so it is taken only while it has none) decides between claimers. Raises when
-- the session is not alive, when the claim's number is void, and when another claimer took only some of the keys of
-- a candidate. Candidates come as parallel arrays, one element per lock key; ord numbers the candidate. Gives the keys
-- taken; those lost to others have no token.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
-- lint:ignore HL004 PostgreSQL only, where it does lock
-- lint:ignore HL003 one row by primary key
WITH policy AS (
  SELECT (SELECT p.paused_at FROM holdfast.kind AS p WHERE p.kind = @kind) AS paused_at,
    COALESCE((SELECT p.quarantine_after FROM holdfast.kind AS p WHERE p.kind = @kind), 9223372036854775807)
      AS quarantine_after
), live AS (
  SELECT s.session_id, s.void_claims
  FROM holdfast.session AS s
  JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
  WHERE s.session_id = @session_id AND d.deadline > now()
  FOR KEY SHARE OF s
), candidate AS (
  SELECT c.ord, c.kind, c.target, c.token, CASE WHEN c.holder <> '' THEN c.holder::UUID END AS holder
  FROM unnest(@ords::INT8[], @kinds::TEXT[], @targets::TEXT[], @tokens::INT8[], @holders::TEXT[])
    AS c (ord, kind, target, token, holder)
), seen AS (
  SELECT c.ord, c.kind, c.target, w.holder, c.token, w.started_at, w.not_before,
    COALESCE(w.token, 0) = c.token AND w.holder IS NOT DISTINCT FROM c.holder AS unchanged,
    CASE WHEN c.kind <> @kind THEN 0
      ELSE COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END END AS failures,
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
    AND (not_before IS NULL OR not_before <= now())
    AND unchanged
    AND (kind <> @kind OR (
      failures < (SELECT quarantine_after FROM policy)
      AND (SELECT paused_at FROM policy) IS NULL
      AND (holder IS NULL OR failures < 2
        OR started_at <= now() - LEAST(64, power(2::FLOAT8, LEAST(failures - 1, 6)::FLOAT8)) * INTERVAL '1 second'))))
  ORDER BY ord
  LIMIT @wanted::INT8
), chosen AS (
  SELECT s.ord, s.kind, s.target, s.holder, s.held_by, s.token, s.started_at, s.failures
  FROM seen AS s JOIN claimable AS c ON c.ord = s.ord
), dead AS (
  DELETE FROM holdfast.session_deadline
  WHERE session_id IN (SELECT held_by FROM chosen WHERE held_by IS NOT NULL AND EXISTS (SELECT 1 FROM live))
    AND deadline <= now()
  RETURNING session_id
), evicted AS (
  DELETE FROM holdfast.session WHERE session_id IN (SELECT session_id FROM dead) RETURNING session_id
), taken AS (
  INSERT INTO holdfast.work AS w (kind, target, holder, token, started_at, taken_from, claim, failures, parked)
  SELECT c.kind, c.target, l.session_id,
    CASE WHEN c.token = 0 THEN CAST(extract(epoch FROM now()) * 1000 AS INT8) ELSE c.token + 1 END,
    clock_timestamp(), c.holder, @claim_number::INT8, NULLIF(c.failures, 0), CASE WHEN c.token = 0 THEN false END
  FROM chosen AS c CROSS JOIN live AS l
  WHERE c.held_by IS NULL OR c.held_by IN (SELECT session_id FROM evicted)
  ORDER BY c.kind, c.target
  ON CONFLICT (kind, target) DO UPDATE
  SET holder = excluded.holder, token = excluded.token, started_at = excluded.started_at,
    taken_from = excluded.taken_from, claim = excluded.claim, failures = excluded.failures, parked = NULL, woken = NULL
  WHERE w.token = excluded.token - 1 AND w.holder IS NOT DISTINCT FROM excluded.taken_from
    AND excluded.parked IS NULL
  RETURNING kind, target, token, started_at, taken_from, backoff_seconds, failures
), abandoned AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, ended_at, event)
  SELECT t.target, t.kind, t.token - 1, t.taken_from, c.started_at, t.started_at, 'abandoned'
  FROM taken AS t JOIN chosen AS c ON c.kind = t.kind AND c.target = t.target
  WHERE t.kind = @kind AND t.taken_from IS NOT NULL
  RETURNING token
)
SELECT c.ord AS "ord!", c.kind AS "kind!", c.target AS "target!", t.token, t.taken_from, t.backoff_seconds, t.failures
FROM (SELECT CAST(CASE
  WHEN NOT EXISTS (SELECT 1 FROM live) THEN 'holdfast:session-expired'
  WHEN EXISTS (SELECT 1 FROM live WHERE void_claims >= @claim_number::INT8) THEN 'holdfast:claim-void'
  WHEN EXISTS (
    SELECT 1 FROM chosen AS c LEFT JOIN taken AS t ON t.kind = c.kind AND t.target = c.target
    GROUP BY c.ord HAVING count(t.token) > 0 AND count(t.token) < count(*)) THEN 'holdfast:claim-torn'
  ELSE '1' END AS INT8) AS proved) AS proof
JOIN (
  SELECT ord, kind, target FROM chosen
  UNION ALL
  SELECT ord, kind, target FROM seen WHERE NOT unchanged
) AS c ON proof.proved = 1
LEFT JOIN taken AS t ON t.kind = c.kind AND t.target = c.target
ORDER BY c.ord, c.kind, c.target;

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
-- Ends claims of one kind: frees their keys (parallel arrays, by primary key), sets or clears what keeps their own
-- (kind, target) from being claimed, writes the history; one statement, one round trip. Raises, so that nothing sent
-- behind it takes effect, unless the session's row is there and every key is still held by it with this token.
-- @event is finished, failed, canceled or parked. A canceled one keeps the backoff that it had, a finished one clears
-- it, a failed one keeps others away for its delay and remembers the period before jitter (@backoffs) for the next
-- failure to build on. A parked one is not claimable before @until, else for its delay, else (-1) until it is woken;
-- one that was woken while it was held is claimable at once. The targets stand twice, so that it goes by index on
-- PostgreSQL whatever else is in its transaction: a scan would conflict with every other end there.
-- lint:ignore HL004 PostgreSQL only, where it does lock
WITH alive AS (
  SELECT session_id FROM holdfast.session WHERE session_id = @session_id FOR KEY SHARE
), released AS (
  UPDATE holdfast.work AS w
  SET holder = NULL, taken_from = NULL, woken = NULL,
    parked = CASE WHEN @event::TEXT = 'parked' AND w.woken IS NULL AND w.kind = @kind THEN true END,
    not_before = CASE WHEN w.kind <> @kind OR @event::TEXT = 'canceled' THEN w.not_before
      WHEN @event::TEXT = 'failed' THEN now() + k.delay_ms * INTERVAL '1 millisecond'
      WHEN @event::TEXT = 'parked' AND w.woken IS NULL THEN COALESCE(sqlc.narg(until)::TIMESTAMPTZ,
        CASE WHEN k.delay_ms < 0 THEN '9999-12-31 00:00:00+00'::TIMESTAMPTZ
          ELSE now() + k.delay_ms * INTERVAL '1 millisecond' END) END,
    backoff_seconds = CASE WHEN w.kind <> @kind OR @event::TEXT IN ('canceled', 'parked') THEN w.backoff_seconds
      WHEN @event::TEXT = 'failed' THEN k.backoff_seconds END,
    backoff_cause = CASE WHEN w.kind <> @kind OR @event::TEXT IN ('canceled', 'parked') THEN w.backoff_cause
      WHEN @event::TEXT = 'failed' THEN sqlc.narg(cause)::TEXT END,
    failures = CASE WHEN w.kind <> @kind OR @event::TEXT IN ('canceled', 'parked') THEN w.failures
      WHEN @event::TEXT = 'failed' THEN COALESCE(w.failures, 0) + 1 END
  FROM unnest(@kinds::TEXT[], @targets::TEXT[], @tokens::INT8[], @delays_ms::INT8[], @backoffs::INT8[])
    AS k (kind, target, token, delay_ms, backoff_seconds)
  WHERE w.kind = k.kind AND w.target = k.target AND w.holder = @session_id::UUID AND w.token = k.token
    AND w.target = ANY(@targets::TEXT[]) AND EXISTS (SELECT 1 FROM alive)
  RETURNING w.kind, w.target, w.token, w.started_at
), history AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, event, cause)
  SELECT target, kind, token, @session_id::UUID, started_at, @event::TEXT, sqlc.narg(cause)::TEXT
  FROM released
  WHERE kind = @kind AND (@event::TEXT <> 'finished'
    OR COALESCE((SELECT p.keep_finished FROM holdfast.kind AS p WHERE p.kind = @kind), true))
  RETURNING token
)
SELECT CAST(CASE
  WHEN NOT EXISTS (SELECT 1 FROM alive) THEN 'holdfast:session-expired'
  WHEN (SELECT count(*) FROM released) <> cardinality(@tokens::INT8[]) THEN 'holdfast:lease-lost'
  ELSE '1' END AS INT8) AS released;

-- name: WorkHistory :many
-- Everything that happened to a target, oldest first: by primary key prefix, in both tables.
SELECT target AS "target!", kind AS "kind!", token, event AS "event!", session_id,
  at AS "at!", cause
FROM holdfast.work_history
WHERE target = @target
ORDER BY at, token, CASE WHEN event = 'started' THEN 1 ELSE 2 END, kind, event;

-- name: ActiveWork :many
-- What live sessions hold now.
SELECT kind, target, session_id, token, started_at
FROM holdfast.active_work
ORDER BY kind, target;

-- name: HeldKeys :many
-- Which of the given keys (parallel arrays) this session still holds with these tokens: by primary key.
SELECT w.kind, w.target
FROM unnest(@kinds::TEXT[], @targets::TEXT[], @tokens::INT8[]) AS k (kind, target, token)
JOIN holdfast.work AS w ON w.kind = k.kind AND w.target = k.target
WHERE w.holder = @session_id::UUID AND w.token = k.token;

-- name: EndedKeys :many
-- Of claims of one kind (parallel arrays), how this session has ended each: by primary key. Null: it has not, as far as
-- the database tells. Where the kind keeps no history of what finished, a claim that is held no more and has no other
-- end was finished. Tells an end whose answer was lost from a take-over.
SELECT k.target AS "target!",
  COALESCE(e.event, CASE WHEN NOT COALESCE(p.keep_finished, true) AND w.token IS NOT NULL
    AND (w.token > k.token OR w.holder IS NULL) AND NOT EXISTS (
      SELECT 1 FROM holdfast.ended_work AS o WHERE o.target = k.target AND o.kind = @kind AND o.token = k.token)
    THEN 'finished' END) AS event
FROM unnest(@targets::TEXT[], @tokens::INT8[]) AS k (target, token)
LEFT JOIN holdfast.ended_work AS e ON e.target = k.target AND e.kind = @kind AND e.token = k.token
  AND e.session_id = @session_id::UUID AND e.event <> 'abandoned'
LEFT JOIN holdfast.work AS w ON w.target = k.target AND w.kind = @kind
LEFT JOIN holdfast.kind AS p ON p.kind = @kind;

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
SELECT target, kind, token, taken_from, backoff_seconds, failures
FROM holdfast.work
WHERE holder = @session_id AND claim = @claim
ORDER BY target, kind;

-- name: LockWork :many
-- The lock rows of a target, made where there are none, and locked until the transaction commits: a claim either comes
-- before, and shows here, or comes after, and is made by somebody who sees what the transaction has written. By primary
-- key; conflicts with claims and ends of the same rows.
INSERT INTO holdfast.work AS w (target, kind, token)
SELECT @target::TEXT, k.kind, CAST(extract(epoch FROM now()) * 1000 AS INT8) FROM unnest(@kinds::TEXT[]) AS k (kind)
ORDER BY k.kind
ON CONFLICT (target, kind) DO UPDATE SET token = w.token
RETURNING kind, holder;

-- name: WakeWork :execrows
-- Ends the parks of targets of a kind: by primary key. What is held is marked, so that its park does not last.
UPDATE holdfast.work
SET not_before = CASE WHEN parked THEN NULL ELSE not_before END, parked = NULL,
  woken = CASE WHEN holder IS NULL THEN NULL ELSE true END
WHERE kind = @kind AND target = ANY(@targets::TEXT[]) AND (parked OR holder IS NOT NULL);

-- name: ReleaseQuarantine :one
-- An operator's word that a target may be tried again: forgets its failures and its backoff, and writes that down. One
-- whose holder is dead is freed, as by a sweep: the guard (same holder, same token) makes one of them do it. By primary
-- key. Gives 0 when the target has neither or a live session holds it.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH seen AS (
  SELECT w.kind, w.target, w.token, w.holder
  FROM holdfast.work AS w
  WHERE w.kind = @kind AND w.target = @target
    AND (w.failures > 0 OR w.not_before IS NOT NULL OR w.holder IS NOT NULL)
    AND NOT EXISTS (
      SELECT 1 FROM holdfast.session_deadline AS d WHERE d.session_id = w.holder AND d.deadline > now())
), released AS (
  UPDATE holdfast.work AS w
  SET holder = NULL, taken_from = w.holder, failures = NULL, not_before = NULL, backoff_seconds = NULL,
    backoff_cause = NULL, parked = NULL, woken = NULL
  FROM seen AS s
  WHERE w.kind = s.kind AND w.target = s.target AND w.token = s.token AND w.holder IS NOT DISTINCT FROM s.holder
  RETURNING w.kind, w.target, w.token, w.started_at, w.taken_from
), abandoned AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, ended_at, event)
  SELECT target, kind, token, taken_from, started_at, now(), 'abandoned' FROM released WHERE taken_from IS NOT NULL
  RETURNING token
), noted AS (
  INSERT INTO holdfast.intervention (kind, target, event, at, cause)
  SELECT kind, target, 'released', clock_timestamp(), @cause::TEXT FROM released
  RETURNING target
)
SELECT count(*) AS released FROM noted;

-- name: QuarantineWork :one
-- An operator's word that a target is not to be tried: as many failures as its kind's policy bears, and the reason, and writes
-- that down. One whose holder is dead is freed, as by a sweep. By primary key. Gives no row when the kind has no limit; 0 when
-- a live session holds the target.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH policy AS (
  SELECT k.kind, k.quarantine_after FROM holdfast.kind AS k WHERE k.kind = @kind AND k.quarantine_after IS NOT NULL
), quarantined AS (
  INSERT INTO holdfast.work AS w (target, kind, token, failures, backoff_cause)
  SELECT @target::TEXT, p.kind, CAST(extract(epoch FROM now()) * 1000 AS INT8), p.quarantine_after, @cause::TEXT FROM policy AS p
  ON CONFLICT (target, kind) DO UPDATE
  SET holder = NULL, taken_from = w.holder, failures = GREATEST(excluded.failures, w.failures),
    backoff_cause = excluded.backoff_cause, not_before = NULL, backoff_seconds = NULL, parked = NULL, woken = NULL
  WHERE w.holder IS NULL OR NOT EXISTS (
    SELECT 1 FROM holdfast.session_deadline AS d WHERE d.session_id = w.holder AND d.deadline > now())
  RETURNING w.target, w.kind, w.token, w.started_at, w.taken_from
), abandoned AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, ended_at, event)
  SELECT target, kind, token, taken_from, started_at, now(), 'abandoned' FROM quarantined
  WHERE taken_from IS NOT NULL
  ON CONFLICT (target, kind, token) DO NOTHING
  RETURNING token
), noted AS (
  INSERT INTO holdfast.intervention (kind, target, event, at, cause)
  SELECT kind, target, 'paused', clock_timestamp(), @cause::TEXT FROM quarantined
  RETURNING target
)
SELECT (SELECT count(*) FROM policy) AS "policies!", count(*) AS "quarantined!" FROM noted;

-- name: PauseKind :one
-- Nothing of the kind is claimed from now on; what is held goes on. By primary key. Gives 0 when it was paused.
WITH paused AS (
  INSERT INTO holdfast.kind AS k (kind, paused_at, paused_cause) VALUES (@kind, now(), @cause)
  ON CONFLICT (kind) DO UPDATE SET paused_at = now(), paused_cause = excluded.paused_cause WHERE k.paused_at IS NULL
  RETURNING kind
), noted AS (
  INSERT INTO holdfast.intervention (kind, event, cause) SELECT kind, 'paused', @cause::TEXT FROM paused RETURNING kind
)
SELECT count(*) AS paused FROM noted;

-- name: ResumeKind :one
-- The opposite. By primary key. Gives 0 when it was not paused.
WITH resumed AS (
  UPDATE holdfast.kind SET paused_at = NULL, paused_cause = NULL WHERE kind = @kind AND paused_at IS NOT NULL
  RETURNING kind
), noted AS (
  INSERT INTO holdfast.intervention (kind, event, cause) SELECT kind, 'resumed', @cause::TEXT FROM resumed RETURNING kind
)
SELECT count(*) AS resumed FROM noted;

-- name: SetKind :exec
-- The policy of a kind, by primary key.
INSERT INTO holdfast.kind AS k (kind, quarantine_after, keep_finished)
VALUES (@kind, sqlc.narg(quarantine_after), @keep_finished)
ON CONFLICT (kind) DO UPDATE SET quarantine_after = excluded.quarantine_after, keep_finished = excluded.keep_finished;

-- name: ListKinds :many
-- Every kind that has a row: paused or not, and its policy.
SELECT kind, paused_at, paused_cause, quarantine_after, keep_finished FROM holdfast.kind ORDER BY kind;

-- name: QuarantinedWork :many
-- Targets that no claim takes until an operator releases them. Reads the work table from end to end.
SELECT kind AS "kind!", target AS "target!", token AS "token!", failures AS "failures!", started_at, cause
FROM holdfast.quarantined_work
ORDER BY kind, target;
