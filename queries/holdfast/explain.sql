-- name: ExplainWork :many
-- What keeps a target from being claimed, for each kind that it ever was claimed for, and for further lock keys (parallel
-- arrays): the lock row by the prefix of its primary key; its holder's session, the policy of its kind and the end of its
-- last claim, each by primary key. Locks nothing. It judges as claims and unavailable_work do. The row of kind '' also says how
-- many live sessions each component has: that reads both tables of sessions, which have a row a process.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT a.target AS "target!", a.kind AS "kind!", now() AS "now!", w.token, w.holder, w.started_at, w.parked,
  d.deadline > now() AS is_live, d.deadline, s.component, s.instance,
  COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END AS "failures!", w.backoff_cause,
  CASE WHEN w.holder IS NOT NULL AND w.failures > 0
      THEN w.started_at + LEAST(64, power(2::FLOAT8, LEAST(w.failures, 6)::FLOAT8)) * INTERVAL '1 second'
    ELSE w.not_before END AS available_at,
  w.not_before >= '9999-12-31 00:00:00+00'::TIMESTAMPTZ AS waits_for_wake,
  k.paused_at, k.paused_cause, k.quarantine_after,
  e.event AS last_event, e.ended_at, e.cause AS last_cause, l.component AS last_component,
  CASE WHEN a.kind = '' THEN (
    SELECT json_object_agg(c.component, c.live)
    FROM (SELECT v.component, count(*) AS live FROM holdfast.live_session AS v GROUP BY v.component) AS c
  ) END AS live
FROM (
  SELECT o.target, o.kind FROM holdfast.work AS o WHERE o.target = @target
  UNION
  SELECT g.target, g.kind FROM unnest(@targets::TEXT[], @kinds::TEXT[]) AS g (target, kind)
) AS a
LEFT JOIN holdfast.work AS w ON w.target = a.target AND w.kind = a.kind
LEFT JOIN holdfast.session AS s ON s.session_id = w.holder
LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
LEFT JOIN holdfast.kind AS k ON k.kind = a.kind
LEFT JOIN holdfast.ended_work AS e ON e.target = w.target AND e.kind = w.kind AND e.token = w.token
LEFT JOIN holdfast.session AS l ON l.session_id = e.session_id
ORDER BY a.target, a.kind;

-- name: KindsOfTarget :many
-- Every kind that something happened to the target in, with the claim that holds it now: from one kind to the next by
-- the primary key of ended_work, however many claims of each have ended, and by key prefix in the other two tables.
WITH RECURSIVE ended (kind) AS (
  (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.target = @target ORDER BY e.kind LIMIT 1)
  UNION ALL
  SELECT (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.target = @target AND e.kind > n.kind ORDER BY e.kind LIMIT 1)
  FROM ended AS n
  WHERE n.kind IS NOT NULL
)
SELECT a.kind AS "kind!", w.token, w.holder, w.started_at
FROM (
  SELECT n.kind FROM ended AS n WHERE n.kind IS NOT NULL
  UNION
  SELECT o.kind FROM holdfast.work AS o WHERE o.target = @target AND o.kind NOT LIKE 'group:%'
  UNION
  SELECT i.kind FROM holdfast.intervention AS i WHERE i.target = @target
) AS a
LEFT JOIN holdfast.work AS w ON w.target = @target AND w.kind = a.kind AND w.holder IS NOT NULL
ORDER BY a.kind;

-- name: EndedClaims :many
-- A page of the claims of one kind of a target that have ended, in their order: by primary key.
SELECT token, session_id, started_at, ended_at, event, cause
FROM holdfast.ended_work
WHERE target = @target AND kind = @kind AND token > @after_token
ORDER BY token
LIMIT @page::INT8;

-- name: InterventionsOf :many
-- A page of what operators did about a target, or about one of its kinds as a whole, oldest first: by the index on target
-- and kind. Each page sorts them, for they are few. The time goes to and fro as text, since a Date has no microseconds.
SELECT i.intervention_id, i.kind, i.target, i.event, i.at, i.at::TEXT AS "position!", i.cause
FROM (
  SELECT t.intervention_id FROM holdfast.intervention AS t WHERE t.target = @target
  UNION ALL
  SELECT p.intervention_id FROM holdfast.intervention AS p WHERE p.target IS NULL AND p.kind = ANY(@kinds::TEXT[])
) AS a
JOIN holdfast.intervention AS i ON i.intervention_id = a.intervention_id
WHERE (i.at, i.intervention_id) > (@after_position::TEXT::TIMESTAMPTZ, @after_id::UUID)
ORDER BY i.at, i.intervention_id
LIMIT @page::INT8;
