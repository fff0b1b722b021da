-- name: MachinesToInstall :many
-- Machines with a living agent that has reported its hardware, for which the system that the inventory wants
-- was not asked for yet, or failed to install at least @retry_ms ago.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT m.machine_id
FROM fleet.machine AS m
JOIN fleet.machine_agent_heartbeat AS h ON h.machine_id = m.machine_id
JOIN fleet.machine_hardware_report AS r ON r.machine_id = m.machine_id
LEFT JOIN fleet.machine_os_installation_request AS q ON q.machine_id = m.machine_id
LEFT JOIN fleet.machine_os_installation_report AS o ON o.machine_id = m.machine_id
LEFT JOIN fleet.machine_missing AS x ON x.machine_id = m.machine_id
LEFT JOIN fleet.machine_unwanted AS u ON u.machine_id = m.machine_id
LEFT JOIN holdfast.unavailable_work AS w ON w.kind = 'FleetInstall' AND w.target = m.machine_id::TEXT
WHERE m.os_image IS NOT NULL AND x.machine_id IS NULL AND u.machine_id IS NULL AND w.target IS NULL
  AND h.agent_heartbeat_at > now() - @silent_ms::INT8 * INTERVAL '1 millisecond'
  AND (q.os_image IS DISTINCT FROM m.os_image
    OR (o.generation = q.generation AND o.result = 'failure'
      AND o.reported_at <= now() - @retry_ms::INT8 * INTERVAL '1 millisecond'))
ORDER BY m.machine_id < @start_at::UUID, m.machine_id
LIMIT @wanted::INT8;

-- name: RequestInstallation :one
-- Asks for the system that the inventory wants, as the generation after the last one. By primary key.
INSERT INTO fleet.machine_os_installation_request AS q (machine_id, generation, os_image)
SELECT m.machine_id, 1, m.os_image FROM fleet.machine AS m WHERE m.machine_id = @machine_id AND m.os_image IS NOT NULL
ON CONFLICT (machine_id) DO UPDATE
SET generation = q.generation + 1, os_image = excluded.os_image, requested_at = now()
RETURNING generation, os_image;

-- name: PendingInstallation :maybe
-- What one machine still has to install: a request whose generation has no report. By primary key.
SELECT q.generation, q.os_image
FROM fleet.machine_os_installation_request AS q
LEFT JOIN fleet.machine_os_installation_report AS o ON o.machine_id = q.machine_id
WHERE q.machine_id = @machine_id AND o.generation IS DISTINCT FROM q.generation;

-- name: RecordInstallation :execrows
-- Files an agent's report, if it is about the generation that is asked for; an outdated one changes nothing.
-- By primary key.
INSERT INTO fleet.machine_os_installation_report (machine_id, generation, result, detail)
SELECT q.machine_id, q.generation, @result::TEXT, sqlc.narg(detail)::TEXT
FROM fleet.machine_os_installation_request AS q
WHERE q.machine_id = @machine_id AND q.generation = @generation
ON CONFLICT (machine_id) DO UPDATE
SET generation = excluded.generation, result = excluded.result, detail = excluded.detail, reported_at = now();

-- name: DeleteInstallationRequest :exec
DELETE FROM fleet.machine_os_installation_request WHERE machine_id = @machine_id;

-- name: DeleteInstallationReport :exec
DELETE FROM fleet.machine_os_installation_report WHERE machine_id = @machine_id;
