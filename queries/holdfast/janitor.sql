-- name: EvictExpiredSessions :many
-- One page of sessions past their deadline: reads the deadlines (a narrow table, one row a session), deletes
-- both rows by primary key. The deadline is looked at again by the delete, so a session that was extended in
-- between stays.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH dead AS (
  DELETE FROM holdfast.session_deadline
  WHERE session_id IN (
      SELECT session_id FROM holdfast.session_deadline WHERE deadline <= now() ORDER BY session_id LIMIT @page::INT8)
    AND deadline <= now()
  RETURNING session_id
)
DELETE FROM holdfast.session WHERE session_id IN (SELECT session_id FROM dead) RETURNING session_id, component;

-- name: CloseAbandonedWork :many
-- One page of work whose holder's session is gone: frees it and writes "abandoned", once, since the guard (same
-- holder, same token) makes either this or a take-over do it. Writes by primary key.
-- Reads the work table from end to end: an index on holder would have to be written by every claim and every
-- finish, which would cost each job two more index entries (a sixth of what it writes) to save a scan that only a
-- death calls for. So it runs after a sweep that found dead sessions, else seldom.
WITH orphan AS (
  SELECT w.kind, w.target, w.token, w.holder
  FROM holdfast.work AS w
  WHERE w.holder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM holdfast.session AS s WHERE s.session_id = w.holder)
  ORDER BY w.target, w.kind
  LIMIT @page::INT8
), freed AS (
  UPDATE holdfast.work AS w
  SET holder = NULL, taken_from = w.holder, parked = NULL, woken = NULL,
    failures = CASE WHEN w.kind LIKE 'group:%' THEN NULL ELSE COALESCE(w.failures, 0) + 1 END,
    not_before = CASE WHEN w.kind LIKE 'group:%' OR COALESCE(w.failures, 0) < 1 THEN NULL
      ELSE w.started_at + LEAST(64, power(2::FLOAT8, LEAST(w.failures, 6)::FLOAT8)) * INTERVAL '1 second' END,
    backoff_cause = CASE WHEN w.kind NOT LIKE 'group:%' THEN 'abandoned' END
  FROM orphan AS o
  WHERE w.kind = o.kind AND w.target = o.target AND w.token = o.token AND w.holder = o.holder
  RETURNING w.kind, w.target, w.token, w.started_at, w.taken_from
), history AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, event)
  SELECT target, kind, token, taken_from, started_at, 'abandoned' FROM freed WHERE kind NOT LIKE 'group:%'
  RETURNING token
)
SELECT kind, target, token FROM freed;

-- name: DeleteOldHistory :execrows
-- One page of claims that ended longer ago than the retention: from one kind to the next by the index on kind and time, of each
-- kind its oldest by the same, so that a page costs the same however much history there is; deletes by primary key. The keys go
-- through arrays: PostgreSQL takes those for few, where it guesses so many of the rows themselves that it reads the table.
WITH RECURSIVE named (kind) AS (
  (SELECT e.kind FROM holdfast.ended_work AS e ORDER BY e.kind LIMIT 1)
  UNION ALL
  SELECT (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.kind > n.kind ORDER BY e.kind LIMIT 1)
  FROM named AS n
  WHERE n.kind IS NOT NULL
), old AS (
  SELECT o.target, o.kind, o.token
  FROM named AS n
  CROSS JOIN LATERAL (
    SELECT r.target, r.kind, r.token
    FROM holdfast.ended_work AS r
    WHERE r.kind = n.kind AND r.ended_at < now() - @older_than_ms::INT8 * INTERVAL '1 millisecond'
    ORDER BY r.ended_at
    LIMIT @page::INT8
  ) AS o
  LIMIT @page::INT8
)
DELETE FROM holdfast.ended_work
WHERE (target, kind, token) IN (
  SELECT g.target, g.kind, g.token
  FROM (SELECT array_agg(o.target) AS targets, array_agg(o.kind) AS kinds, array_agg(o.token) AS tokens FROM old AS o) AS a
  CROSS JOIN LATERAL unnest(a.targets, a.kinds, a.tokens) AS g (target, kind, token)
);

-- name: CountWork :many
-- Gauges by kind: work held by live sessions, and targets that back off, are parked or quarantined. Reads the work table from end to end, for
-- the same reason as CloseAbandonedWork: run it seldom.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT w.kind,
  sum(CASE WHEN d.deadline > now() THEN 1 ELSE 0 END)::INT8 AS "active!",
  sum(CASE WHEN w.not_before > now() AND w.parked IS NULL THEN 1 ELSE 0 END)::INT8 AS "backing_off!",
  sum(CASE WHEN w.not_before > now() AND w.parked THEN 1 ELSE 0 END)::INT8 AS "parked!",
  sum(CASE WHEN (d.deadline IS NULL OR d.deadline <= now())
      AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
    THEN 1 ELSE 0 END)::INT8 AS "quarantined!"
FROM holdfast.work AS w
LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
LEFT JOIN holdfast.kind AS k ON k.kind = w.kind
WHERE (w.holder IS NOT NULL OR w.not_before IS NOT NULL OR w.failures > 0) AND w.kind NOT LIKE 'group:%'
GROUP BY w.kind
ORDER BY w.kind;

-- name: CountSessions :many
-- Gauges by component: live sessions.
SELECT component, count(*) AS "live!"
FROM holdfast.live_session
GROUP BY component
ORDER BY component;
