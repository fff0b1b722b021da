-- name: LeasesOf :many
-- Every lease of a host, for who watches: by the index on host and phase.
SELECT name, phase, resource FROM leases.lease WHERE host = @host;

-- name: ResourcesOf :many
-- Every resource of a host, for who watches: by the index on host and phase.
SELECT name, phase, port FROM leases.resource WHERE host = @host;

-- name: Findings :many
-- What is wrong once all leases and resources of a host ought to be destroyed; no row: nothing. Reads whole tables.
WITH thing AS (
  SELECT 'lease' AS object, l.name, l.phase FROM leases.lease AS l WHERE l.host = @host
  UNION ALL
  SELECT 'resource', r.name, r.phase FROM leases.resource AS r WHERE r.host = @host
), expected AS (
  SELECT 'lease' AS object, g.phase, g.from_phase FROM unnest(
    ARRAY['pending', 'acquired', 'active', 'released'], ARRAY['unsaved', 'pending', 'acquired', 'active']) AS g (phase, from_phase)
  UNION ALL
  SELECT 'resource', g.phase, g.from_phase FROM unnest(
    ARRAY['pending', 'active', 'released'], ARRAY['unsaved', 'pending', 'active']) AS g (phase, from_phase)
), changed AS (
  SELECT t.object, t.name, c.phase, c.writer, c.target, c.token
  FROM thing AS t JOIN leases.change AS c ON c.object = t.object AND c.name = t.name
)
SELECT t.object || ' ' || t.name || ' is ' || t.phase AS "finding!" FROM thing AS t WHERE t.phase <> 'destroyed'
UNION ALL
SELECT 'slot ' || s.slot::TEXT || ' of ' || s.resource || ' is still held by ' || s.lease
FROM leases.slot AS s JOIN thing AS t ON t.object = 'lease' AND t.name = s.lease
UNION ALL
SELECT t.object || ' ' || t.name || ' was destroyed ' || count(c.phase)::TEXT || ' times'
FROM thing AS t LEFT JOIN changed AS c ON c.object = t.object AND c.name = t.name AND c.phase = 'destroyed'
GROUP BY t.object, t.name HAVING count(c.phase) <> 1
UNION ALL
SELECT t.object || ' ' || t.name || ' has no record of being ' || e.phase
FROM thing AS t JOIN expected AS e ON e.object = t.object
WHERE NOT EXISTS (SELECT 1 FROM changed AS c WHERE c.object = t.object AND c.name = t.name AND c.phase IN (e.phase, 'broken'))
UNION ALL
SELECT c.object || ' ' || c.name || ' became ' || c.phase || ' by ' || c.writer || ', which does not write what is ' || e.from_phase
FROM changed AS c
JOIN expected AS e ON e.object = c.object AND e.phase = c.phase
JOIN leases.phase AS p ON p.object = e.object AND p.phase = e.from_phase
WHERE p.writer <> c.writer
UNION ALL
SELECT c.object || ' ' || c.name || ' became ' || c.phase || ' without work of ' || c.writer || ' that finished with it'
FROM changed AS c
LEFT JOIN holdfast.ended_work AS w
  ON w.target = c.target AND w.kind = c.writer AND w.token = c.token AND w.event = 'finished'
WHERE c.token IS NOT NULL AND w.token IS NULL
UNION ALL
SELECT 'lease ' || t.name || ': ' || count(m.sequence)::TEXT || ' releases were carried out'
FROM thing AS t
LEFT JOIN holdfast.command AS m
  ON m.queue = 'lease:commands' AND m.target = t.name AND m.command = 'release' AND m.state = 'consumed'
WHERE t.object = 'lease' AND EXISTS (SELECT 1 FROM changed AS c WHERE c.object = 'lease' AND c.name = t.name AND c.phase = 'released')
GROUP BY t.name HAVING count(m.sequence) <> 1
UNION ALL
SELECT m.command || ', command ' || m.sequence::TEXT || ' of ' || m.target || ', is ' || m.state
FROM thing AS t JOIN holdfast.command AS m ON m.queue = t.object || ':commands' AND m.target = t.name
WHERE m.state IN ('pending', 'failed')
UNION ALL
SELECT w.kind || ' of ' || w.target || ' is still held'
FROM thing AS t JOIN holdfast.work AS w ON w.target = t.name
WHERE w.holder IS NOT NULL
ORDER BY 1;
