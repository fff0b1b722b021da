-- name: ClaimDueWorkflow :claim kind=workflow
-- What is due, of the versions that the claimer runs, the longest first: by the partial index alone, no sort. The caller
-- puts the kind of its own workflow in place of this one. What others hold stands at the head of the index: as
-- many entries as there are workers.
SELECT i.target
FROM holdfast.workflow AS i
WHERE i.workflow = @workflow AND i.due_at <= now() AND i.version = ANY(@versions::INT8[])
ORDER BY i.due_at, i.version, i.target;

-- name: DueWorkflows :many
-- The same without taking: for sources that exclude others. By the partial index, and the lock rows by primary key.
SELECT i.target
FROM holdfast.workflow AS i
WHERE i.workflow = @workflow AND i.due_at <= now() AND i.version = ANY(@versions::INT8[])
  AND NOT EXISTS (
    SELECT 1 FROM holdfast.unavailable_work AS u WHERE u.kind = 'workflow:' || @workflow::TEXT AND u.target = i.target)
ORDER BY i.due_at, i.version, i.target
LIMIT @wanted::INT8;

-- name: WriteWorkflow :step kind=workflow
-- A holder's write: the row as it is afterwards, its history, and the signal that is used up, in one statement and one
-- round trip, by primary key. Also sent as a finish (together with the release) and inside of a transaction. The row is
-- written only while its revision is the one that the holder read, so a write that arrives late changes nothing; the
-- history and the signal follow from the row's change. Null leaves variables as they are.
-- @due: `now` (something is in flight), `never`, or `rest`: at once when something woke it since the holder read it
-- (PostgreSQL judges wakes on the row as the other writer left it) or a signal is there that the state waits for, else
-- when the timer is over, else null. Conflicts with signals and cancels of the same instance, which wait.
WITH instance AS (
  UPDATE holdfast.workflow AS i
  SET version = @version::INT8, state = sqlc.narg(state)::TEXT,
    variables = COALESCE(sqlc.narg(variables)::JSONB, i.variables),
    entered_at = CASE WHEN @enters::BOOL THEN now() ELSE i.entered_at END,
    in_flight = sqlc.narg(in_flight)::TEXT, arguments = sqlc.narg(arguments)::JSONB, attempt = @attempt::INT8,
    in_flight_at = CASE WHEN sqlc.narg(in_flight)::TEXT IS NULL THEN NULL
      WHEN @intents::INT8 = i.intents THEN i.in_flight_at ELSE now() END,
    intents = @intents::INT8, revision = i.revision + 1, stuck = sqlc.narg(stuck)::TEXT,
    cancel_intent = sqlc.narg(cancel_intent)::INT8,
    due_at = CASE WHEN @due::TEXT = 'now' THEN COALESCE(i.due_at, now())
      WHEN @due::TEXT = 'never' THEN NULL
      WHEN i.wakes <> @wakes::INT8 THEN now()
      WHEN EXISTS (
        SELECT 1 FROM holdfast.workflow_signal AS s
        WHERE s.workflow = i.workflow AND s.target = i.target AND s.name = ANY(@signals::TEXT[])
          AND s.consumed_at IS NULL) THEN now()
      WHEN sqlc.narg(after_ms)::INT8 IS NOT NULL THEN
        CASE WHEN @enters::BOOL THEN now() ELSE i.entered_at END
          + sqlc.narg(after_ms)::INT8 * INTERVAL '1 millisecond'
      END,
    ended_at = CASE WHEN @ends::BOOL THEN COALESCE(i.ended_at, now()) END
  WHERE i.workflow = @workflow AND i.target = ANY(@targets::TEXT[]) AND i.revision = @revision::INT8
  RETURNING i.target
), consumed AS (
  UPDATE holdfast.workflow_signal AS g
  SET consumed_at = now()
  WHERE g.workflow = @workflow AND g.target = ANY(@targets::TEXT[]) AND g.name = @signal_name::TEXT
    AND g.key = @signal_key::TEXT AND EXISTS (SELECT 1 FROM instance)
  RETURNING g.key
)
INSERT INTO holdfast.workflow_history (workflow, target, intent, attempt, event, transition, state, data, message)
SELECT @workflow::TEXT, n.target, h.intent, h.attempt, h.event, NULLIF(h.transition, ''), NULLIF(h.state, ''),
  NULLIF(h.data, '')::JSONB, NULLIF(h.message, '')
FROM instance AS n
CROSS JOIN unnest(@event_intents::INT8[], @event_attempts::INT8[], @events::TEXT[], @event_transitions::TEXT[],
  @event_states::TEXT[], @event_data::TEXT[], @event_messages::TEXT[])
  AS h (intent, attempt, event, transition, state, data, message);

-- name: LoadWorkflow :maybe
-- An instance as its holder needs it, one snapshot, by primary key.
SELECT version, state, variables, entered_at,
  CAST(floor(extract(epoch FROM (now() - entered_at)) * 1000) AS INT8) AS "waited_ms!",
  in_flight, arguments, attempt, intents, revision, wakes, stuck, canceled_at, cancel_reason, cancel_intent,
  parent_workflow, parent_target, ended_at, trace_context
FROM holdfast.workflow
WHERE workflow = @workflow AND target = @target;

-- name: NextSignal :maybe
-- The oldest signal with one of these names that no state has taken: by primary key prefix.
SELECT name, key, payload, at, trace_context
FROM holdfast.workflow_signal
WHERE workflow = @workflow AND target = @target AND name = ANY(@names::TEXT[]) AND consumed_at IS NULL
ORDER BY at, name, key
LIMIT 1;

-- name: StartWorkflows :many
-- Starts instances (parallel arrays), in one statement, and gives those that are new: by primary key. They are due, so
-- that a worker looks what their first state asks for.
WITH started AS (
  INSERT INTO holdfast.workflow (workflow, target, version, variables, start_digest, parent_workflow, parent_target, due_at,
    trace_context)
  SELECT @workflow::TEXT, u.target, @version::INT8, u.variables::JSONB,
    md5(u.key || ' ' || CAST(u.variables::JSONB AS TEXT)),
    sqlc.narg(parent_workflow)::TEXT, sqlc.narg(parent_target)::TEXT, now(), sqlc.narg(trace_context)::JSONB
  FROM unnest(@targets::TEXT[], @variables::TEXT[], @keys::TEXT[]) AS u (target, variables, key)
  ON CONFLICT (workflow, target) DO NOTHING
  RETURNING target, variables
)
INSERT INTO holdfast.workflow_history (workflow, target, intent, attempt, event, data)
SELECT @workflow::TEXT, s.target, 0, 0, 'started', s.variables
FROM started AS s
RETURNING target;

-- name: OtherStarts :many
-- Of these starts (parallel arrays) those whose target was started otherwise: with another key, or other variables. By
-- primary key.
SELECT i.target
FROM unnest(@targets::TEXT[], @variables::TEXT[], @keys::TEXT[]) AS u (target, variables, key)
JOIN holdfast.workflow AS i ON i.workflow = @workflow AND i.target = u.target
WHERE i.start_digest <> md5(u.key || ' ' || CAST(u.variables::JSONB AS TEXT))
ORDER BY i.target;

-- name: WakeWorkflow :execrows
-- Makes an instance that has not ended due now: by primary key. Conflicts with its holder's writes, which wait.
UPDATE holdfast.workflow
SET wakes = wakes + 1, due_at = CASE WHEN due_at < now() THEN due_at ELSE now() END
WHERE workflow = @workflow AND target = @target AND ended_at IS NULL;

-- name: SendSignal :execrows
-- Keeps a signal and makes the instance due, unless it has ended or has been given the same one before: by primary key.
-- Conflicts with its holder's writes, which wait. Gives 0 then.
WITH woken AS (
  UPDATE holdfast.workflow AS i
  SET wakes = i.wakes + 1, due_at = CASE WHEN i.due_at < now() THEN i.due_at ELSE now() END
  WHERE i.workflow = @workflow AND i.target = @target AND i.ended_at IS NULL
    AND NOT EXISTS (
      SELECT 1 FROM holdfast.workflow_signal AS s
      WHERE s.workflow = @workflow AND s.target = @target AND s.name = @name AND s.key = @key)
  RETURNING i.target
)
INSERT INTO holdfast.workflow_signal (workflow, target, name, key, payload, trace_context)
SELECT @workflow::TEXT, w.target, @name::TEXT, @key::TEXT, @payload::JSONB, sqlc.narg(trace_context)::JSONB
FROM woken AS w
ON CONFLICT (workflow, target, name, key) DO NOTHING;

-- name: CancelWorkflow :execrows
-- Asks for the end of an instance, once, and makes it due: by primary key. Gives 0 when it has ended, or was asked before.
WITH asked AS (
  UPDATE holdfast.workflow AS i
  SET canceled_at = now(), cancel_reason = sqlc.narg(reason)::TEXT, wakes = i.wakes + 1,
    due_at = CASE WHEN i.due_at < now() THEN i.due_at ELSE now() END
  WHERE i.workflow = @workflow AND i.target = @target AND i.ended_at IS NULL AND i.canceled_at IS NULL
  RETURNING i.target, i.intents, i.attempt, i.state
)
INSERT INTO holdfast.workflow_history (workflow, target, intent, attempt, event, state, message)
SELECT @workflow::TEXT, a.target, a.intents, a.attempt, 'canceled', a.state, sqlc.narg(reason)::TEXT
FROM asked AS a;

-- name: CanceledWorkflows :many
-- Of these instances those whose cancel has not been carried out: by primary key.
SELECT target, cancel_reason
FROM holdfast.workflow
WHERE workflow = @workflow AND target = ANY(@targets::TEXT[]) AND canceled_at IS NOT NULL AND cancel_intent IS NULL;

-- name: WorkflowExists :one
SELECT EXISTS (SELECT 1 FROM holdfast.workflow WHERE workflow = @workflow AND target = @target) AS "found!";

-- name: ResolveWorkflow :execrows
-- What an operator decides about an instance that nobody holds (the caller has locked its lock row), by primary key.
-- @how: retried (what is in flight is run again, with all its attempts), skipped (it is not, the state stays), or forced
-- (neither: the state is this one from now on). Then a worker looks at it.
WITH resolved AS (
  UPDATE holdfast.workflow AS i
  SET stuck = NULL, revision = i.revision + 1, wakes = i.wakes + 1, due_at = now(), ended_at = NULL,
    state = CASE WHEN @how::TEXT = 'forced' THEN sqlc.narg(state)::TEXT ELSE i.state END,
    entered_at = CASE WHEN @how::TEXT = 'forced' THEN now() ELSE i.entered_at END,
    in_flight = CASE WHEN @how::TEXT = 'retried' THEN i.in_flight END,
    arguments = CASE WHEN @how::TEXT = 'retried' THEN i.arguments END,
    in_flight_at = CASE WHEN @how::TEXT = 'retried' THEN i.in_flight_at END,
    attempt = 0
  WHERE i.workflow = @workflow AND i.target = @target
    AND (@how::TEXT = 'forced' OR i.ended_at IS NULL)
    AND (@how::TEXT <> 'skipped' OR i.in_flight IS NOT NULL)
  RETURNING i.target, i.intents, i.state, i.in_flight
)
INSERT INTO holdfast.workflow_history (workflow, target, intent, attempt, event, transition, state, message)
SELECT @workflow::TEXT, r.target, r.intents, 0, @how::TEXT, r.in_flight, r.state, @cause::TEXT
FROM resolved AS r;

-- name: WorkflowStatus :maybe
-- One instance as an operator sees it, one snapshot: by primary key.
SELECT workflow AS "workflow!", target AS "target!", version AS "version!", state, variables AS "variables!",
  entered_at AS "entered_at!", in_flight, arguments, attempt AS "attempt!", in_flight_at, intents AS "intents!", due_at,
  canceled_at, cancel_reason, parent_workflow, parent_target, started_at AS "started_at!", ended_at, session_id, stuck
FROM holdfast.workflow_status
WHERE workflow = @workflow AND target = @target;

-- name: ListWorkflows :many
-- A page of a workflow's instances in the order of their targets, filtered: from the primary key. Null filters nothing.
SELECT workflow AS "workflow!", target AS "target!", version AS "version!", state, variables AS "variables!",
  entered_at AS "entered_at!", in_flight, arguments, attempt AS "attempt!", in_flight_at, intents AS "intents!", due_at,
  canceled_at, cancel_reason, parent_workflow, parent_target, started_at AS "started_at!", ended_at, session_id, stuck
FROM holdfast.workflow_status
WHERE workflow = @workflow AND target > @after_target::TEXT
  AND (sqlc.narg(state)::TEXT IS NULL OR state = sqlc.narg(state)::TEXT)
  AND (sqlc.narg(version)::INT8 IS NULL OR version = sqlc.narg(version)::INT8)
  AND (sqlc.narg(stuck)::BOOL IS NULL OR (stuck IS NOT NULL) = sqlc.narg(stuck)::BOOL)
  AND (sqlc.narg(ended)::BOOL IS NULL OR (ended_at IS NOT NULL) = sqlc.narg(ended)::BOOL)
ORDER BY target
LIMIT @page::INT8;

-- name: WorkflowHistory :many
-- Everything that happened to an instance, oldest first: by primary key prefix.
SELECT intent, attempt, event, at, transition, state, data, message
FROM holdfast.workflow_history
WHERE workflow = @workflow AND target = @target
ORDER BY intent, at, attempt, event;

-- name: PublishWorkflow :exec
-- Writes a definition down: by primary key.
INSERT INTO holdfast.workflow_definition (workflow, version, definition)
VALUES (@workflow, @version, @definition)
ON CONFLICT (workflow, version) DO UPDATE SET definition = excluded.definition;

-- name: PublishedWorkflow :maybe
-- The newest version of a definition, or the one asked for: by primary key prefix.
SELECT version, definition
FROM holdfast.workflow_definition
WHERE workflow = @workflow AND (sqlc.narg(version)::INT8 IS NULL OR version = sqlc.narg(version)::INT8)
ORDER BY version DESC
LIMIT 1;

-- name: KnownWorkflows :many
-- The names of all workflows that have instances or a definition. Reads both from end to end.
SELECT DISTINCT workflow AS "workflow!"
FROM (SELECT workflow FROM holdfast.workflow_definition UNION SELECT workflow FROM holdfast.workflow) AS w
ORDER BY workflow;

-- name: CountWorkflows :many
-- How many instances there are, by workflow and state; stuck ones and ended ones by themselves. Reads the whole table: run
-- it seldom.
SELECT workflow AS "workflow!", COALESCE(state, '') AS "state!",
  CASE WHEN stuck IS NOT NULL THEN 'stuck' WHEN ended_at IS NOT NULL THEN 'ended' ELSE 'open' END AS "condition!",
  count(*) AS instances
FROM holdfast.workflow_status
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: DeleteEndedWorkflows :many
-- A page of instances that ended long ago, those that ended first, with their history and signals: by the index on
-- ended_at, and by primary key.
WITH old AS (
  SELECT i.workflow, i.target
  FROM holdfast.workflow AS i
  WHERE i.ended_at < now() - @older_than_ms::INT8 * INTERVAL '1 millisecond'
  ORDER BY i.ended_at
  LIMIT @page::INT8
), histories AS (
  DELETE FROM holdfast.workflow_history AS h
  WHERE EXISTS (SELECT 1 FROM old AS o WHERE o.workflow = h.workflow AND o.target = h.target)
  RETURNING h.target
), signals AS (
  DELETE FROM holdfast.workflow_signal AS s
  WHERE EXISTS (SELECT 1 FROM old AS o WHERE o.workflow = s.workflow AND o.target = s.target)
  RETURNING s.target
)
DELETE FROM holdfast.workflow AS i
WHERE EXISTS (SELECT 1 FROM old AS o WHERE o.workflow = i.workflow AND o.target = i.target)
RETURNING i.target;

-- name: WorkflowIsDue :one
-- Whether something is to be done about an instance now: by primary key. For tests of programs.
SELECT EXISTS (
  SELECT 1 FROM holdfast.workflow WHERE workflow = @workflow AND target = @target AND due_at <= now()) AS "is_due!";

-- name: AgeWorkflow :execrows
-- Makes an instance older, as if it had been in its state for so much longer: by primary key. For tests of programs, since
-- nobody can set the database's clock.
UPDATE holdfast.workflow
SET entered_at = entered_at - @ms::INT8 * INTERVAL '1 millisecond', due_at = due_at - @ms::INT8 * INTERVAL '1 millisecond'
WHERE workflow = @workflow AND target = @target;

-- name: WorkflowsOf :many
-- The instances of a target, in whichever workflows, for explain: from one workflow to the next by the primary key, for there
-- are few.
WITH RECURSIVE named (workflow) AS (
  (SELECT t.workflow FROM holdfast.workflow AS t ORDER BY t.workflow LIMIT 1)
  UNION ALL
  SELECT (SELECT t.workflow FROM holdfast.workflow AS t WHERE t.workflow > n.workflow ORDER BY t.workflow LIMIT 1)
  FROM named AS n
  WHERE n.workflow IS NOT NULL
)
SELECT t.workflow, now() AS "now!", t.version, t.state, t.entered_at, t.in_flight, t.in_flight_at, t.attempt, t.due_at,
  t.due_at > now() AS is_later, t.stuck, t.canceled_at, t.ended_at
FROM named AS n
JOIN holdfast.workflow AS t ON t.workflow = n.workflow AND t.target = @target
ORDER BY t.workflow;

-- name: PageOfWorkflows :many
-- A page of the instances of all workflows, in the order of their keys, filtered: from the primary key. Of at most @scan rows
-- that are read the last one (is_last) is the next position, so that a page costs the same however large the table is. Lock rows
-- and deadlines by primary key, for what may be wanted. What is stuck is what workflow_status says.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH slice AS (
  SELECT i.workflow, i.target, i.version, i.state, i.entered_at, i.in_flight, i.in_flight_at, i.attempt, i.due_at, i.canceled_at,
    i.ended_at, i.stuck
  FROM holdfast.workflow AS i
  WHERE (i.workflow, i.target) > (@after_workflow::TEXT, @after_target::TEXT)
  ORDER BY i.workflow, i.target
  LIMIT @scan::INT8
), reached AS (
  SELECT s.workflow, s.target, (SELECT count(*) FROM slice) AS scanned
  FROM slice AS s ORDER BY s.workflow DESC, s.target DESC LIMIT 1
), likely AS (
  SELECT s.workflow, s.target, s.version, s.state, s.entered_at, s.in_flight, s.in_flight_at, s.attempt, s.due_at, s.canceled_at,
    s.ended_at, s.stuck, (s.workflow = e.workflow AND s.target = e.target) AS is_last, e.scanned,
    ((sqlc.narg(prefix)::TEXT IS NULL OR left(s.target, length(sqlc.narg(prefix)::TEXT)) = sqlc.narg(prefix)::TEXT)
      AND (sqlc.narg(workflow)::TEXT IS NULL OR s.workflow = sqlc.narg(workflow)::TEXT)
      AND (sqlc.narg(state)::TEXT IS NULL OR s.state = sqlc.narg(state)::TEXT)
      AND (sqlc.narg(condition)::TEXT IS NULL OR (sqlc.narg(condition)::TEXT = 'ended') = (s.ended_at IS NOT NULL))) AS is_likely
  FROM slice AS s
  CROSS JOIN reached AS e
), judged AS (
  SELECT x.workflow, x.target, x.version, x.state, x.entered_at, x.in_flight, x.in_flight_at, x.attempt, x.due_at, x.canceled_at,
    x.ended_at, x.is_last, x.scanned, x.is_likely, CASE WHEN d.deadline > now() THEN w.holder END AS session_id,
    COALESCE(x.stuck,
      CASE WHEN x.ended_at IS NULL AND (d.deadline IS NULL OR d.deadline <= now())
          AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
        THEN COALESCE(w.backoff_cause, 'its workers died') END) AS stuck
  FROM likely AS x
  LEFT JOIN holdfast.work AS w ON w.target = x.target AND w.kind = 'workflow:' || x.workflow
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = 'workflow:' || x.workflow
  WHERE x.is_likely OR x.is_last
), named AS (
  SELECT j.workflow, j.target, j.version, j.state, j.entered_at, j.in_flight, j.in_flight_at, j.attempt, j.due_at, j.canceled_at,
    j.ended_at, j.session_id, j.stuck, j.is_last, j.scanned, j.is_likely,
    CASE WHEN j.ended_at IS NOT NULL THEN 'ended' WHEN j.stuck IS NOT NULL THEN 'stuck' WHEN j.session_id IS NOT NULL THEN 'held'
      WHEN j.due_at IS NOT NULL THEN 'due' ELSE 'waits' END AS condition
  FROM judged AS j
)
SELECT n.workflow AS "workflow!", n.target AS "target!", n.version AS "version!", n.state, n.entered_at AS "entered_at!", n.in_flight,
  n.in_flight_at, n.attempt AS "attempt!", n.due_at, n.canceled_at, n.ended_at, n.session_id, n.stuck, n.condition AS "condition!",
  n.is_last AS "is_last!", n.scanned AS "scanned!",
  (n.is_likely AND (sqlc.narg(condition)::TEXT IS NULL OR n.condition = sqlc.narg(condition)::TEXT)) AS "wanted!"
FROM named AS n
WHERE n.is_last OR sqlc.narg(condition)::TEXT IS NULL OR n.condition = sqlc.narg(condition)::TEXT
ORDER BY n.workflow, n.target
LIMIT @page::INT8;

-- name: TimeLineOfWorkflows :many
-- The newest events of a target's instances before a position (parallel arrays of workflows, intents and times), in whichever
-- workflows: from one workflow to the next by the primary key, for there are few, and of each by the primary key of the history.
-- The time goes to and fro as text, since a Date has no microseconds.
WITH RECURSIVE named (workflow) AS (
  (SELECT t.workflow FROM holdfast.workflow AS t ORDER BY t.workflow LIMIT 1)
  UNION ALL
  SELECT (SELECT t.workflow FROM holdfast.workflow AS t WHERE t.workflow > n.workflow ORDER BY t.workflow LIMIT 1)
  FROM named AS n
  WHERE n.workflow IS NOT NULL
)
SELECT h.workflow AS "workflow!", h.intent AS "intent!", h.attempt AS "attempt!", h.event AS "event!", h.at AS "at!", h.transition,
  h.state, h.message, h.at::TEXT AS "position!"
FROM named AS n
LEFT JOIN unnest(@workflows::TEXT[], @intents::INT8[], @positions::TEXT[]) AS p (workflow, intent, position)
  ON p.workflow = n.workflow
CROSS JOIN LATERAL (
  SELECT e.workflow, e.intent, e.attempt, e.event, e.at, e.transition, e.state, e.message
  FROM holdfast.workflow_history AS e
  WHERE e.workflow = n.workflow AND e.target = @target
    AND (e.intent, e.at) < (COALESCE(p.intent, 9223372036854775807), COALESCE(p.position, 'infinity')::TIMESTAMPTZ)
  ORDER BY e.intent DESC, e.at DESC
  LIMIT @page::INT8
) AS h
ORDER BY h.at DESC, h.workflow, h.intent DESC
LIMIT @page::INT8;

-- name: WaitingWorkflows :many
-- How many instances are due, at most @most, and since when the oldest is; and how many are stuck: by the two partial indexes.
SELECT d.workflow AS "workflow!", count(*) AS "waiting!", min(d.due_at) AS oldest_at, 0::INT8 AS "stuck!", NULL::TEXT AS example
FROM (
  SELECT i.workflow, i.due_at FROM holdfast.workflow AS i
  WHERE i.due_at IS NOT NULL AND i.due_at <= now() ORDER BY i.workflow, i.due_at LIMIT @most::INT8
) AS d
GROUP BY d.workflow
UNION ALL
SELECT s.workflow, 0::INT8, min(s.entered_at), count(*), min(s.target)
FROM (
  SELECT i.workflow, i.target, i.entered_at FROM holdfast.workflow AS i WHERE i.stuck IS NOT NULL ORDER BY i.workflow, i.target LIMIT @most::INT8
) AS s
GROUP BY s.workflow;
