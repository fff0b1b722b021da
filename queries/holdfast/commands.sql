-- name: SendCommands :many
-- Appends commands (parallel arrays, in the order of @ords, which begin at 1; empty text for no key) to their targets'
-- queues. One statement: the rows of the targets by primary key, which senders of the same target take one after the other;
-- known keys by their index. Gives each command's number; one whose key is known is not sent again, and is_same says
-- whether it is the command that was.
WITH given AS (
  SELECT g.ord, g.target, g.command, g.args::JSONB AS args, NULLIF(g.key, '') AS key, g.overtakes
  FROM unnest(@ords::INT8[], @targets::TEXT[], @commands::TEXT[], @args::TEXT[], @keys::TEXT[], @overtakes::BOOL[])
    AS g (ord, target, command, args, key, overtakes)
), known AS (
  SELECT g.ord, c.sequence, c.command = g.command AND c.args = g.args AS is_same
  FROM given AS g
  JOIN holdfast.command AS c ON c.queue = @queue AND c.target = g.target AND c.key = g.key
), fresh AS (
  SELECT g.ord, g.target, g.command, g.args, g.key, g.overtakes,
    row_number() OVER (PARTITION BY g.target ORDER BY g.ord) AS place, count(*) OVER (PARTITION BY g.target) AS places
  FROM given AS g
  WHERE NOT EXISTS (SELECT 1 FROM known AS k WHERE k.ord = g.ord)
), numbered AS (
  INSERT INTO holdfast.command_target AS t (queue, target, last_sequence, due_at)
  SELECT @queue::TEXT, f.target, count(*), now() FROM fresh AS f GROUP BY f.target ORDER BY f.target
  ON CONFLICT (queue, target) DO UPDATE
  SET last_sequence = t.last_sequence + excluded.last_sequence, due_at = LEAST(t.due_at, excluded.due_at)
  RETURNING target, last_sequence
), sent AS (
  INSERT INTO holdfast.command (queue, target, sequence, command, args, author, key, overtakes, awaited, trace_context)
  SELECT @queue::TEXT, f.target, n.last_sequence - f.places + f.place, f.command, f.args, @author::TEXT, f.key, f.overtakes,
    @awaited::BOOL, sqlc.narg(trace_context)::JSONB
  FROM fresh AS f JOIN numbered AS n ON n.target = f.target
  RETURNING target, sequence
)
SELECT f.ord AS "ord!", n.last_sequence - f.places + f.place AS "sequence!", true AS "is_new!", true AS "is_same!"
FROM fresh AS f JOIN numbered AS n ON n.target = f.target
UNION ALL
SELECT k.ord, k.sequence, false, k.is_same FROM known AS k
ORDER BY 1;

-- name: DueTargets :claim kind=commands
-- Targets with something to look at, those that have waited longest first: by the partial index, in its order. The kind is
-- that of the queue.
SELECT t.target
FROM holdfast.command_target AS t
WHERE t.queue = @queue AND t.due_at <= now()
ORDER BY t.due_at, t.target;

-- name: LockTarget :maybe
-- Makes the senders of the target wait until the transaction has ended, so that what it sees pending is all there is: by
-- primary key. It fails at once where somebody has sent since the transaction began.
SELECT last_sequence FROM holdfast.command_target WHERE queue = @queue AND target = @target FOR UPDATE;

-- name: PendingCommands :many
-- The first commands of a target that are pending, and the first of those that overtake: each by its partial index, and
-- read by it as well, for at SERIALIZABLE every mark of a neighbor conflicts with who reads the primary key.
-- lint:ignore HL005 the target is held by its lock row; this only says when a command is due
SELECT c.sequence, c.command, c.args, c.author, c.key, c.attempts, c.overtakes, c.awaited, c.trace_context, c.sent_at,
  CASE WHEN c.not_before > now() THEN ceil(extract(epoch FROM c.not_before - now()) * 1000)::INT8 END AS held_ms
FROM holdfast.command AS c
WHERE c.queue = @queue AND c.target = @target AND c.state = 'pending' AND c.sequence = ANY(ARRAY(
  (SELECT p.sequence FROM holdfast.command AS p
  WHERE p.queue = @queue AND p.target = @target AND p.state = 'pending'
  ORDER BY p.sequence LIMIT @most::INT8)
  UNION ALL
  (SELECT p.sequence FROM holdfast.command AS p
  WHERE p.queue = @queue AND p.target = @target AND p.state = 'pending' AND p.overtakes
  ORDER BY p.sequence LIMIT @most::INT8)
))
ORDER BY c.sequence;

-- name: MarkCommands :exec
-- What became of commands of a target (parallel arrays, by primary key; empty text for no reason and no result; a delay in
-- milliseconds, 0 for none), and when to look at the target again (@due_ms; null: nothing is pending). One statement, in
-- the transaction that has changed the target.
WITH marked AS (
  UPDATE holdfast.command AS c
  SET state = m.state, reason = NULLIF(m.reason, ''), result = NULLIF(m.result, '')::JSONB,
    attempts = c.attempts + m.failures,
    not_before = CASE WHEN m.delay_ms > 0 THEN now() + m.delay_ms * INTERVAL '1 millisecond' END,
    ended_at = CASE WHEN m.state <> 'pending' THEN now() END
  FROM unnest(@sequences::INT8[], @states::TEXT[], @reasons::TEXT[], @results::TEXT[], @failures::INT8[], @delays_ms::INT8[])
    AS m (sequence, state, reason, result, failures, delay_ms)
  WHERE c.queue = @queue AND c.target = @target AND c.sequence = m.sequence AND c.sequence = ANY(@sequences::INT8[])
    AND c.state = 'pending'
  RETURNING c.sequence
)
UPDATE holdfast.command_target
SET due_at = now() + sqlc.narg(due_ms)::INT8 * INTERVAL '1 millisecond'
WHERE queue = @queue AND target = @target;

-- name: WakeTargets :execrows
-- Makes consumers look at targets with pending commands at once: by primary key.
UPDATE holdfast.command_target SET due_at = now()
WHERE queue = @queue AND target = ANY(@targets::TEXT[]) AND due_at > now();

-- name: CancelCommand :execrows
-- Takes a pending command back: by primary key; after LockTarget in the same transaction.
UPDATE holdfast.command SET state = 'canceled', reason = @reason::TEXT, ended_at = now(), not_before = NULL
WHERE queue = @queue AND target = @target AND sequence = @sequence AND state = 'pending';

-- name: RejectPending :exec
-- Rejects all that is pending of a target, which is gone, so that nothing is due: by the partial index, and by primary key;
-- after LockTarget in the same transaction.
WITH rejected AS (
  UPDATE holdfast.command SET state = 'rejected', reason = @reason::TEXT, ended_at = now(), not_before = NULL
  WHERE queue = @queue AND target = @target AND state = 'pending'
  RETURNING sequence
)
UPDATE holdfast.command_target SET due_at = NULL WHERE queue = @queue AND target = @target;

-- name: ListCommands :many
-- A page of a queue's commands, in the order of their keys: from the primary key, filtered. Null filters nothing.
SELECT target, sequence, command, args, author, key, state, reason, result, attempts, not_before, sent_at, ended_at
FROM holdfast.command
WHERE queue = @queue AND (target, sequence) > (@after_target::TEXT, @after_sequence::INT8)
  AND (sqlc.narg(targets)::TEXT[] IS NULL OR target = ANY(sqlc.narg(targets)::TEXT[]))
  AND (sqlc.narg(state)::TEXT IS NULL OR state = sqlc.narg(state)::TEXT)
ORDER BY target, sequence
LIMIT @page::INT8;

-- name: GetCommand :maybe
-- One command, by primary key.
SELECT target, sequence, command, args, author, key, state, reason, result, attempts, not_before, sent_at, ended_at
FROM holdfast.command
WHERE queue = @queue AND target = @target AND sequence = @sequence;

-- name: PendingNames :many
-- Which commands of a target are pending: by the partial index.
SELECT DISTINCT command FROM holdfast.command WHERE queue = @queue AND target = @target AND state = 'pending';

-- name: DeclareQueue :exec
-- Writes down which commands a queue has, where that has changed: by primary key.
INSERT INTO holdfast.command_queue AS q (queue, commands) VALUES (@queue, @commands)
ON CONFLICT (queue) DO UPDATE SET commands = excluded.commands WHERE q.commands <> excluded.commands;

-- name: DeclaredQueue :maybe
SELECT commands FROM holdfast.command_queue WHERE queue = @queue;

-- name: CountPending :many
-- How many commands are pending, by queue, and for how long the oldest has waited: reads the index of what is pending. Run
-- it seldom.
SELECT queue, count(*) AS commands, extract(epoch FROM now() - min(sent_at))::FLOAT8 AS "oldest_seconds!"
FROM holdfast.command WHERE state = 'pending' GROUP BY queue ORDER BY queue;

-- name: DeleteOldCommands :execrows
-- One page of commands that ended longer ago than the retention, those that ended first: by the index on ended_at, so that a
-- page costs the same however many commands there are; deletes by primary key. The keys go through arrays, as in
-- DeleteOldHistory.
WITH old AS (
  SELECT c.queue, c.target, c.sequence
  FROM holdfast.command AS c
  WHERE c.ended_at < now() - @older_than_ms::INT8 * INTERVAL '1 millisecond'
  ORDER BY c.ended_at
  LIMIT @page::INT8
)
DELETE FROM holdfast.command
WHERE (queue, target, sequence) IN (
  SELECT g.queue, g.target, g.sequence
  FROM (SELECT array_agg(o.queue) AS queues, array_agg(o.target) AS targets, array_agg(o.sequence) AS sequences FROM old AS o) AS a
  CROSS JOIN LATERAL unnest(a.queues, a.targets, a.sequences) AS g (queue, target, sequence)
);

-- name: ReadNote :maybe
-- By primary key.
SELECT value, version FROM holdfast.note WHERE queue = @queue AND target = @target AND owner = @owner;

-- name: WriteNote :one
-- Writes the note of the session's component where it has this version, 0 for none: by primary key. Null: it has another.
WITH written AS (
  INSERT INTO holdfast.note AS n (queue, target, owner, value, version)
  SELECT @queue::TEXT, @target::TEXT, s.component, @value::JSONB, 1
  FROM holdfast.session AS s
  WHERE s.session_id = @session_id AND (@version::INT8 = 0 OR EXISTS (
    SELECT 1 FROM holdfast.note AS o WHERE o.queue = @queue AND o.target = @target AND o.owner = s.component))
  ON CONFLICT (queue, target, owner) DO UPDATE SET value = excluded.value, version = n.version + 1
  WHERE n.version = @version::INT8
  RETURNING version
)
SELECT (SELECT version FROM written) AS version;

-- name: DeleteNotes :exec
-- All notes beside a target, by primary key prefix.
DELETE FROM holdfast.note WHERE queue = @queue AND target = @target;

-- name: QueuesOf :many
-- The queues that a target was ever sent a command in, with what is pending: from one queue to the next by the primary key of
-- command_target, for there are few; what is pending by its partial index.
WITH RECURSIVE named (queue) AS (
  (SELECT t.queue FROM holdfast.command_target AS t ORDER BY t.queue LIMIT 1)
  UNION ALL
  SELECT (SELECT t.queue FROM holdfast.command_target AS t WHERE t.queue > n.queue ORDER BY t.queue LIMIT 1)
  FROM named AS n
  WHERE n.queue IS NOT NULL
)
SELECT t.queue, now() AS "now!", t.last_sequence, t.due_at, t.due_at > now() AS is_later,
  (SELECT count(*) FROM holdfast.command AS p WHERE p.queue = t.queue AND p.target = t.target AND p.state = 'pending')
    AS "pending!",
  c.sequence, c.command, c.author, c.sent_at, c.attempts, c.reason, q.commands
FROM named AS n
JOIN holdfast.command_target AS t ON t.queue = n.queue AND t.target = @target
LEFT JOIN holdfast.command AS c ON c.queue = t.queue AND c.target = t.target AND c.sequence = (
  SELECT min(p.sequence) FROM holdfast.command AS p
  WHERE p.queue = t.queue AND p.target = t.target AND p.state = 'pending')
LEFT JOIN holdfast.command_queue AS q ON q.queue = t.queue
ORDER BY t.queue;

-- name: CommandsOf :many
-- A page of the commands of one target of a queue, in the order in which they were sent: by primary key.
SELECT sequence, command, author, state, reason, sent_at, ended_at
FROM holdfast.command
WHERE queue = @queue AND target = @target AND sequence > @after_sequence
ORDER BY sequence
LIMIT @page::INT8;

-- name: PageOfCommands :many
-- A page of the commands of all queues, in the order of their keys, filtered: from the primary key. Of at most @scan rows that
-- are read the last one (is_last) is the next position, so that a page costs the same however large the table is.
WITH slice AS (
  SELECT c.queue, c.target, c.sequence, c.command, c.args, c.author, c.state, c.reason, c.attempts, c.not_before, c.sent_at, c.ended_at
  FROM holdfast.command AS c
  WHERE (c.queue, c.target, c.sequence) > (@after_queue::TEXT, @after_target::TEXT, @after_sequence::INT8)
  ORDER BY c.queue, c.target, c.sequence
  LIMIT @scan::INT8
), reached AS (
  SELECT s.queue, s.target, s.sequence, (SELECT count(*) FROM slice) AS scanned
  FROM slice AS s ORDER BY s.queue DESC, s.target DESC, s.sequence DESC LIMIT 1
), judged AS (
  SELECT s.queue, s.target, s.sequence, s.command, s.args, s.author, s.state, s.reason, s.attempts, s.not_before, s.sent_at, s.ended_at,
    (s.queue = e.queue AND s.target = e.target AND s.sequence = e.sequence) AS is_last, e.scanned,
    ((sqlc.narg(prefix)::TEXT IS NULL OR left(s.target, length(sqlc.narg(prefix)::TEXT)) = sqlc.narg(prefix)::TEXT)
      AND (sqlc.narg(queue)::TEXT IS NULL OR s.queue = sqlc.narg(queue)::TEXT)
      AND (sqlc.narg(state)::TEXT IS NULL OR s.state = sqlc.narg(state)::TEXT)) AS wanted
  FROM slice AS s
  CROSS JOIN reached AS e
)
SELECT j.queue AS "queue!", j.target AS "target!", j.sequence AS "sequence!", j.command AS "command!", j.args AS "args!",
  j.author AS "author!", j.state AS "state!", j.reason, j.attempts AS "attempts!", j.not_before, j.sent_at AS "sent_at!", j.ended_at,
  j.is_last AS "is_last!", j.scanned AS "scanned!", j.wanted AS "wanted!"
FROM judged AS j
WHERE j.wanted OR j.is_last
ORDER BY j.queue, j.target, j.sequence
LIMIT @page::INT8;

-- name: TimeLineOfCommands :many
-- The newest commands of a target before a position (parallel arrays of queues and numbers), in whichever queues: from one queue
-- to the next by the primary key of command_target, for there are few, and of each by the primary key.
WITH RECURSIVE named (queue) AS (
  (SELECT t.queue FROM holdfast.command_target AS t ORDER BY t.queue LIMIT 1)
  UNION ALL
  SELECT (SELECT t.queue FROM holdfast.command_target AS t WHERE t.queue > n.queue ORDER BY t.queue LIMIT 1)
  FROM named AS n
  WHERE n.queue IS NOT NULL
)
SELECT c.queue AS "queue!", c.sequence AS "sequence!", c.command AS "command!", c.author AS "author!", c.state AS "state!", c.reason,
  c.sent_at AS "sent_at!", c.ended_at
FROM named AS n
LEFT JOIN unnest(@queues::TEXT[], @sequences::INT8[]) AS p (queue, sequence) ON p.queue = n.queue
CROSS JOIN LATERAL (
  SELECT k.queue, k.sequence, k.command, k.author, k.state, k.reason, k.sent_at, k.ended_at
  FROM holdfast.command AS k
  WHERE k.queue = n.queue AND k.target = @target AND k.sequence < COALESCE(p.sequence, 9223372036854775807)
  ORDER BY k.sequence DESC
  LIMIT @page::INT8
) AS c
ORDER BY c.sent_at DESC, c.queue, c.sequence DESC
LIMIT @page::INT8;

-- name: WaitingCommands :many
-- How many commands are pending, at most @most, and since when the oldest is: by the index of what is pending.
SELECT p.queue AS "queue!", count(*) AS "waiting!", min(p.sent_at) AS "oldest_at!"
FROM (
  SELECT c.queue, c.sent_at FROM holdfast.command AS c WHERE c.state = 'pending'
  ORDER BY c.queue, c.target, c.sequence LIMIT @most::INT8
) AS p
GROUP BY p.queue
ORDER BY p.queue;
