-- name: MachinesToInitialize :many
-- Provided machines on which no agent was ever started: new ones, with no failure behind them. Those whose
-- agent somebody is starting, for whichever reason, and those backing off are left out.
SELECT p.machine_id
FROM fleet.machine_provided AS p
JOIN fleet.machine AS m ON m.machine_id = p.machine_id
LEFT JOIN fleet.machine_agent_started AS a ON a.machine_id = p.machine_id
LEFT JOIN fleet.machine_missing AS x ON x.machine_id = p.machine_id
LEFT JOIN fleet.machine_unwanted AS u ON u.machine_id = p.machine_id
LEFT JOIN holdfast.unavailable_work AS w ON w.kind = 'FleetInitialize' AND w.target = p.machine_id::TEXT
WHERE p.provider = @provider AND a.machine_id IS NULL AND x.machine_id IS NULL AND u.machine_id IS NULL
  AND w.target IS NULL
ORDER BY p.machine_id < @start_at::UUID, p.machine_id
LIMIT @wanted::INT8;

-- name: MachinesToRecover :many
-- Machines whose agent was started but never sent a heartbeat within @first_heartbeat_ms, or sent none for
-- @silent_ms. Those that are being recovered already, or back off, are left out.
-- lint:ignore HL005 deadlines are written and read by the database's clock alone; the fence, not the clock, decides
SELECT a.machine_id
FROM fleet.machine_agent_started AS a
JOIN fleet.machine_provided AS p ON p.machine_id = a.machine_id
LEFT JOIN fleet.machine_agent_heartbeat AS h ON h.machine_id = a.machine_id
LEFT JOIN fleet.machine_missing AS x ON x.machine_id = a.machine_id
LEFT JOIN fleet.machine_unwanted AS u ON u.machine_id = a.machine_id
LEFT JOIN holdfast.unavailable_work AS w ON w.kind = 'FleetRecover' AND w.target = a.machine_id::TEXT
WHERE p.provider = @provider AND x.machine_id IS NULL AND u.machine_id IS NULL AND w.target IS NULL
  AND ((h.machine_id IS NULL AND a.agent_started_at <= now() - @first_heartbeat_ms::INT8 * INTERVAL '1 millisecond')
    OR h.agent_heartbeat_at <= now() - @silent_ms::INT8 * INTERVAL '1 millisecond')
ORDER BY a.machine_id < @start_at::UUID, a.machine_id
LIMIT @wanted::INT8;

-- name: NextAgentEpoch :one
-- The fencing token of one start of an agent. Taken while holding the work. By primary key.
INSERT INTO fleet.machine_agent_epoch AS e (machine_id, epoch)
VALUES (@machine_id, 1)
ON CONFLICT (machine_id) DO UPDATE SET epoch = e.epoch + 1
RETURNING epoch;

-- name: MarkAgentStarted :exec
-- The tag that starting an agent ends with: from now on only this key speaks for the machine. By primary key.
INSERT INTO fleet.machine_agent_started (machine_id, epoch, agent_public_key)
VALUES (@machine_id, @epoch, @agent_public_key)
ON CONFLICT (machine_id) DO UPDATE
SET epoch = excluded.epoch, agent_public_key = excluded.agent_public_key, agent_started_at = now();

-- name: DeleteAgentStarted :exec
DELETE FROM fleet.machine_agent_started WHERE machine_id = @machine_id;

-- name: DeleteAgentEpoch :exec
DELETE FROM fleet.machine_agent_epoch WHERE machine_id = @machine_id;

-- name: DeleteHeartbeat :exec
DELETE FROM fleet.machine_agent_heartbeat WHERE machine_id = @machine_id;

-- name: DeleteHardwareReport :exec
DELETE FROM fleet.machine_hardware_report WHERE machine_id = @machine_id;

-- name: RecordHeartbeat :maybe
-- Accepts a request of the agent whose key is the machine's present one and whose nonce is higher than any
-- before: authentication, replay protection and heartbeat in one statement by primary key. No row: refused.
-- Sent again since its commit was not answered (again), it may find its own nonce.
INSERT INTO fleet.machine_agent_heartbeat AS h (machine_id, agent_heartbeat_at, nonce)
SELECT a.machine_id, now(), @nonce::INT8
FROM fleet.machine_agent_started AS a
WHERE a.machine_id = @machine_id AND a.agent_public_key = @agent_public_key
ON CONFLICT (machine_id) DO UPDATE
SET agent_heartbeat_at = excluded.agent_heartbeat_at, nonce = excluded.nonce
WHERE h.nonce < excluded.nonce OR (@again::BOOL AND h.nonce = excluded.nonce)
RETURNING agent_heartbeat_at;

-- name: GetAgentKey :maybe
-- Whose requests are accepted for a machine. By primary key; read only to say why a request was refused.
SELECT agent_public_key, epoch FROM fleet.machine_agent_started WHERE machine_id = @machine_id;

-- name: RecordHardwareReport :exec
-- Keeps the newest report of the machine. By primary key.
INSERT INTO fleet.machine_hardware_report (machine_id, report)
VALUES (@machine_id, @report)
ON CONFLICT (machine_id) DO UPDATE SET report = excluded.report, reported_at = now();
