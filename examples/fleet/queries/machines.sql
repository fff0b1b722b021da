-- name: GetMachine :maybe
-- One machine with what a handler needs to act on it. By primary key.
SELECT m.machine_id, m.name, m.provider, m.os_image, p.provider_id
FROM fleet.machine AS m
LEFT JOIN fleet.machine_provided AS p ON p.machine_id = m.machine_id
WHERE m.machine_id = @machine_id;

-- name: ListMachines :many
-- Every machine with its tags and the state that follows from them. A heartbeat older than @silent_ms counts
-- as ceased. Reads the whole fleet: for people, checks and
-- gauges, not for claims.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT m.machine_id, m.name, m.provider, p.provider_id, a.epoch AS agent_epoch, a.agent_public_key,
  a.agent_started_at, h.agent_heartbeat_at, r.reported_at AS hardware_reported_at, m.os_image,
  q.generation AS os_requested_generation, o.generation AS os_reported_generation, o.result AS os_result,
  CASE
    WHEN u.machine_id IS NOT NULL THEN 'unwanted'
    WHEN x.machine_id IS NOT NULL THEN 'missing'
    WHEN p.machine_id IS NULL THEN 'wanted'
    WHEN a.machine_id IS NULL THEN 'provided'
    WHEN h.machine_id IS NULL THEN 'starting'
    WHEN h.agent_heartbeat_at <= now() - @silent_ms::INT8 * INTERVAL '1 millisecond' THEN 'silent'
    WHEN r.machine_id IS NULL THEN 'reporting'
    WHEN m.os_image IS NOT NULL AND (q.os_image IS DISTINCT FROM m.os_image
      OR o.generation IS DISTINCT FROM q.generation OR o.result IS DISTINCT FROM 'success') THEN 'installing'
    ELSE 'running'
  END AS state
FROM fleet.machine AS m
LEFT JOIN fleet.machine_unwanted AS u ON u.machine_id = m.machine_id
LEFT JOIN fleet.machine_missing AS x ON x.machine_id = m.machine_id
LEFT JOIN fleet.machine_provided AS p ON p.machine_id = m.machine_id
LEFT JOIN fleet.machine_agent_started AS a ON a.machine_id = m.machine_id
LEFT JOIN fleet.machine_agent_heartbeat AS h ON h.machine_id = m.machine_id
LEFT JOIN fleet.machine_hardware_report AS r ON r.machine_id = m.machine_id
LEFT JOIN fleet.machine_os_installation_request AS q ON q.machine_id = m.machine_id
LEFT JOIN fleet.machine_os_installation_report AS o ON o.machine_id = m.machine_id
ORDER BY m.name;

-- name: GetHardwareReport :maybe
-- What a machine's agent found in it. By the unique index on name.
SELECT m.machine_id, r.report, r.reported_at
FROM fleet.machine AS m
JOIN fleet.machine_hardware_report AS r ON r.machine_id = m.machine_id
WHERE m.name = @name;
