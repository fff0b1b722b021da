-- name: PageOfWork :many
-- Lock rows for a list: reads at most @scan rows behind the position, in the order of the primary key, and gives those of
-- them that the filters want, and always the last one that was read (is_last), which is the next position. So a page costs
-- the same however large the table is. Sessions, deadlines, kinds by primary key, for rows that may be wanted. Locks nothing.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
WITH slice AS (
  SELECT w.target, w.kind, w.token, w.holder, w.started_at, w.not_before, w.parked, w.backoff_cause, w.failures
  FROM holdfast.work AS w
  WHERE (w.target, w.kind) > (@after_target::TEXT, @after_kind::TEXT)
  ORDER BY w.target, w.kind
  LIMIT @scan::INT8
), reached AS (
  SELECT s.target, s.kind, (SELECT count(*) FROM slice) AS scanned FROM slice AS s ORDER BY s.target DESC, s.kind DESC LIMIT 1
), likely AS (
  SELECT s.target, s.kind, s.token, s.holder, s.started_at, s.not_before, s.parked, s.backoff_cause,
    COALESCE(s.failures, 0) + CASE WHEN s.holder IS NULL THEN 0 ELSE 1 END AS failures,
    (s.target = e.target AND s.kind = e.kind) AS is_last, e.scanned,
    (s.kind NOT LIKE 'group:%'
      AND (sqlc.narg(states)::TEXT[] IS NULL OR 'free' = ANY(sqlc.narg(states)::TEXT[])
        OR s.holder IS NOT NULL OR s.not_before IS NOT NULL OR s.failures > 0)
      AND (sqlc.narg(prefix)::TEXT IS NULL OR left(s.target, length(sqlc.narg(prefix)::TEXT)) = sqlc.narg(prefix)::TEXT)
      AND (sqlc.narg(kind)::TEXT IS NULL OR s.kind = sqlc.narg(kind)::TEXT)
      AND (sqlc.narg(session_id)::UUID IS NULL OR s.holder = sqlc.narg(session_id)::UUID)) AS is_likely
  FROM slice AS s
  CROSS JOIN reached AS e
), judged AS (
  SELECT x.target, x.kind, x.token, x.holder, x.started_at, x.not_before, x.failures, x.is_last, x.scanned, x.is_likely,
    CASE WHEN x.holder IS NOT NULL AND NOT COALESCE(d.deadline > now(), false) THEN 'abandoned' ELSE x.backoff_cause END AS cause,
    o.component, o.instance, d.deadline,
    CASE WHEN d.deadline > now() THEN 'held'
      WHEN x.failures >= k.quarantine_after THEN 'quarantined'
      WHEN x.not_before > now() AND x.parked THEN 'parked'
      WHEN x.not_before > now() THEN 'backs off'
      WHEN x.holder IS NOT NULL THEN 'abandoned'
      WHEN x.failures > 0 THEN 'failed'
      ELSE 'free' END AS state
  FROM likely AS x
  LEFT JOIN holdfast.session AS o ON o.session_id = x.holder
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = x.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = x.kind
  WHERE x.is_likely OR x.is_last
)
SELECT j.target AS "target!", j.kind AS "kind!", j.token AS "token!", j.holder, j.started_at, j.not_before,
  j.failures AS "failures!", j.cause, j.component, j.instance, j.deadline, j.state AS "state!", j.is_last AS "is_last!",
  j.scanned AS "scanned!",
  (j.is_likely AND (sqlc.narg(states)::TEXT[] IS NULL OR j.state = ANY(sqlc.narg(states)::TEXT[]))) AS "wanted!"
FROM judged AS j
WHERE j.is_last OR sqlc.narg(states)::TEXT[] IS NULL OR j.state = ANY(sqlc.narg(states)::TEXT[])
ORDER BY j.target, j.kind
LIMIT @page::INT8;

-- name: PageOfSessions :many
-- Sessions in the order of their ids, with their deadlines: by primary key, filtered. Null filters nothing.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT s.session_id, s.component, s.instance, s.created_at, s.interval_ms, d.deadline, d.deadline > now() AS "live!"
FROM holdfast.session AS s
JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
WHERE s.session_id > @after::UUID
  AND (sqlc.narg(session_id)::UUID IS NULL OR s.session_id = sqlc.narg(session_id)::UUID)
  AND (sqlc.narg(component)::TEXT IS NULL OR s.component = sqlc.narg(component)::TEXT)
  AND (sqlc.narg(is_live)::BOOL IS NULL OR (d.deadline > now()) = sqlc.narg(is_live)::BOOL)
ORDER BY s.session_id
LIMIT @page::INT8;

-- name: SessionsByComponent :many
-- How many sessions each component has, and how many of them are past their deadline: reads both tables of sessions, which
-- have a row a process.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT s.component, count(*) AS "sessions!", sum(CASE WHEN d.deadline > now() THEN 1 ELSE 0 END)::INT8 AS "live!",
  min(CASE WHEN d.deadline <= now() THEN d.deadline END) AS dead_since, now() AS "now!"
FROM holdfast.session AS s
JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
GROUP BY s.component
ORDER BY s.component;

-- name: RecentEnds :many
-- What ended between two times, by kind and slot of @slot_ms: how much, how much of it failed or was abandoned, and how long it
-- took, in milliseconds. From one kind to the next by the index on kind and time, and of each kind its newest @most by the same.
WITH RECURSIVE named (kind) AS (
  (SELECT e.kind FROM holdfast.ended_work AS e ORDER BY e.kind LIMIT 1)
  UNION ALL
  SELECT (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.kind > n.kind ORDER BY e.kind LIMIT 1)
  FROM named AS n
  WHERE n.kind IS NOT NULL
)
SELECT n.kind AS "kind!",
  (floor(extract(epoch FROM e.ended_at) * 1000 / @slot_ms::FLOAT8) * @slot_ms::FLOAT8)::INT8 AS "slot!",
  count(*) AS "ends!",
  sum(CASE WHEN e.event IN ('failed', 'abandoned') THEN 1 ELSE 0 END)::INT8 AS "failures!",
  avg(extract(epoch FROM e.ended_at - e.started_at) * 1000)::FLOAT8 AS "average_ms!",
  max(extract(epoch FROM e.ended_at - e.started_at) * 1000)::FLOAT8 AS "longest_ms!"
FROM named AS n
CROSS JOIN LATERAL (
  SELECT r.ended_at, r.started_at, r.event
  FROM holdfast.ended_work AS r
  WHERE r.kind = n.kind AND r.ended_at >= @since AND r.ended_at < @until
  ORDER BY r.ended_at DESC
  LIMIT @most::INT8
) AS e
WHERE n.kind IS NOT NULL
GROUP BY n.kind, 2
ORDER BY n.kind, 2;

-- name: EndsOfKind :many
-- A page of what ended of one kind, the newest first: by the index on kind and time, at most @scan rows of it, of which the last
-- one (is_last) is the next position. A Date has no microseconds, so the time goes to and fro as text.
WITH slice AS (
  SELECT e.target, e.token, e.session_id, e.started_at, e.ended_at, e.event, e.cause
  FROM holdfast.ended_work AS e
  WHERE e.kind = @kind AND e.ended_at <= @before_position::TEXT::TIMESTAMPTZ
    AND (e.ended_at < @before_position::TEXT::TIMESTAMPTZ OR (e.target, e.token) > (@after_target::TEXT, @after_token::INT8))
  ORDER BY e.ended_at DESC, e.target, e.token
  LIMIT @scan::INT8
), reached AS (
  SELECT s.target, s.token, (SELECT count(*) FROM slice) AS scanned
  FROM slice AS s ORDER BY s.ended_at, s.target DESC, s.token DESC LIMIT 1
)
SELECT s.target AS "target!", s.token AS "token!", s.session_id AS "session_id!", s.started_at AS "started_at!",
  s.ended_at AS "ended_at!", s.event AS "event!", s.cause, s.ended_at::TEXT AS "position!",
  (s.target = r.target AND s.token = r.token) AS "is_last!", r.scanned AS "scanned!",
  (sqlc.narg(event)::TEXT IS NULL OR s.event = sqlc.narg(event)::TEXT) AS "wanted!"
FROM slice AS s
CROSS JOIN reached AS r
WHERE (s.target = r.target AND s.token = r.token) OR sqlc.narg(event)::TEXT IS NULL OR s.event = sqlc.narg(event)::TEXT
ORDER BY s.ended_at DESC, s.target, s.token
LIMIT @page::INT8;

-- name: KindsOfWork :many
-- Every kind that something ended of, or that has a policy: from one to the next by the index on kind and time.
WITH RECURSIVE named (kind) AS (
  (SELECT e.kind FROM holdfast.ended_work AS e ORDER BY e.kind LIMIT 1)
  UNION ALL
  SELECT (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.kind > n.kind ORDER BY e.kind LIMIT 1)
  FROM named AS n
  WHERE n.kind IS NOT NULL
)
SELECT a.kind AS "kind!", k.paused_at, k.paused_cause, k.quarantine_after, k.keep_finished
FROM (
  SELECT n.kind FROM named AS n WHERE n.kind IS NOT NULL
  UNION
  SELECT p.kind FROM holdfast.kind AS p
) AS a
LEFT JOIN holdfast.kind AS k ON k.kind = a.kind
WHERE a.kind > @after
ORDER BY a.kind
LIMIT @page::INT8;

-- name: TimeLineOfWork :many
-- What happened to a target, the newest first: of each kind its newest claims before a position (parallel arrays of kinds and
-- tokens), by primary key, and what operators did, by the index on target and kind.
WITH RECURSIVE ended (kind) AS (
  (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.target = @target ORDER BY e.kind LIMIT 1)
  UNION ALL
  SELECT (SELECT e.kind FROM holdfast.ended_work AS e WHERE e.target = @target AND e.kind > n.kind ORDER BY e.kind LIMIT 1)
  FROM ended AS n
  WHERE n.kind IS NOT NULL
), kinds (kind) AS (
  SELECT n.kind FROM ended AS n WHERE n.kind IS NOT NULL
  UNION
  SELECT o.kind FROM holdfast.work AS o WHERE o.target = @target AND o.kind NOT LIKE 'group:%'
)
SELECT a.stream AS "stream!", a.kind AS "kind!", a.token, a.session_id, a.event AS "event!", a.cause, a.started_at, a.at AS "at!",
  a.position AS "position!"
FROM (
  SELECT 'claims' AS stream, c.kind, c.token, c.session_id, c.event, c.cause, c.started_at, c.ended_at AS at,
    c.token::TEXT AS position
  FROM kinds AS n
  LEFT JOIN unnest(@kinds::TEXT[], @tokens::INT8[]) AS p (kind, token) ON p.kind = n.kind
  CROSS JOIN LATERAL (
    SELECT e.kind, e.token, e.session_id, e.event, e.cause, e.started_at, e.ended_at
    FROM holdfast.ended_work AS e
    WHERE e.target = @target AND e.kind = n.kind AND e.token < COALESCE(p.token, 9223372036854775807)
    ORDER BY e.token DESC
    LIMIT @page::INT8
  ) AS c
  UNION ALL
  SELECT 'held', w.kind, w.token, w.holder, 'started', NULL::TEXT, w.started_at, w.started_at, w.token::TEXT
  FROM holdfast.work AS w
  WHERE w.target = @target AND w.holder IS NOT NULL AND w.kind NOT LIKE 'group:%' AND cardinality(@kinds::TEXT[]) = 0
    AND w.started_at < @before_position::TEXT::TIMESTAMPTZ
  UNION ALL
  SELECT 'operators', i.kind, NULL::INT8, NULL::UUID, i.event, i.cause, NULL::TIMESTAMPTZ, i.at, i.at::TEXT
  FROM (
    SELECT t.intervention_id FROM holdfast.intervention AS t WHERE t.target = @target
    UNION ALL
    SELECT q.intervention_id FROM holdfast.intervention AS q WHERE q.target IS NULL AND q.kind IN (SELECT n.kind FROM kinds AS n)
  ) AS x
  JOIN holdfast.intervention AS i ON i.intervention_id = x.intervention_id
  WHERE i.at < @before_position::TEXT::TIMESTAMPTZ
) AS a
ORDER BY a.at DESC, a.token DESC
LIMIT @page::INT8;

-- name: LeftOvers :one
-- What a janitor sweeps up: sessions past their deadline, and for how long the oldest has been, in seconds. Reads the table of
-- deadlines, which has a row a process.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT count(*) AS "sessions!", COALESCE(extract(epoch FROM now() - min(d.deadline)), 0)::FLOAT8 AS "oldest_seconds!", now() AS "now!"
FROM holdfast.session_deadline AS d
WHERE d.deadline <= now();
