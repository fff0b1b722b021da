-- name: DatabaseTime :one
-- The clock by which all of history is written.
SELECT now() AS now;

-- name: HeldMachines :many
-- What living sessions of the fleet's components hold now, with the machine's name where it is one.
SELECT w.kind, w.target, w.token, w.session_id, w.started_at, s.component, s.instance, m.name AS machine
FROM holdfast.active_work AS w
JOIN holdfast.session AS s ON s.session_id = w.session_id
LEFT JOIN fleet.machine AS m ON m.machine_id::TEXT = w.target
WHERE w.kind LIKE 'Fleet%'
ORDER BY w.started_at, w.kind, w.target;

-- name: TakeOvers :many
-- Work that a dead session left since a time, and who took it over when: by the abandoned claim's own token
-- and the next one. Reads the history of the fleet's processes.
SELECT a.kind, a.target, m.name AS machine, a.token, a.session_id AS from_session, s.session_id AS to_session,
  s.at AS taken_at
FROM holdfast.work_history AS a
JOIN holdfast.work_history AS s
  ON s.target = a.target AND s.kind = a.kind AND s.token = a.token + 1 AND s.event = 'started'
LEFT JOIN fleet.machine AS m ON m.machine_id::TEXT = a.target
WHERE a.event = 'abandoned' AND a.kind LIKE 'Fleet%' AND s.at >= @since
ORDER BY s.at, a.target;

-- name: OverlappingWork :many
-- Claims that began before the claim with the token below had ended: there must be none, ever.
SELECT n.kind, n.target, n.token
FROM holdfast.work_history AS n
WHERE n.event = 'started' AND n.kind LIKE 'Fleet%'
  AND EXISTS (
    SELECT 1 FROM holdfast.work_history AS b
    WHERE b.target = n.target AND b.kind = n.kind AND b.token < n.token)
  AND NOT EXISTS (
    SELECT 1 FROM holdfast.work_history AS e
    WHERE e.target = n.target AND e.kind = n.kind AND e.token = n.token - 1
      AND e.event <> 'started' AND e.at <= n.at)
ORDER BY n.kind, n.target, n.token;

-- name: FinishedPerMachine :many
-- How often a process has finished on each machine that exists, since a time.
SELECT m.name, count(h.token) AS finished
FROM fleet.machine AS m
LEFT JOIN holdfast.work_history AS h
  ON h.target = m.machine_id::TEXT AND h.kind = @kind AND h.event = 'finished' AND h.at >= @since
GROUP BY m.name
ORDER BY m.name;

-- name: WorkCounts :many
-- What happened since a time, by kind and event.
SELECT kind, event, count(*) AS events
FROM holdfast.work_history
WHERE kind LIKE 'Fleet%' AND at >= @since
GROUP BY kind, event
ORDER BY kind, event;
