-- name: ReconciliationDue :one
-- Whether a provider's machines were last compared longer ago than the interval, or never. By primary key.
SELECT NOT EXISTS (
  SELECT 1 FROM fleet.reconciliation
  WHERE provider = @provider AND reconciled_at > now() - @interval_ms::INT8 * INTERVAL '1 millisecond'
) AS due;

-- name: RecordReconciliation :exec
-- Remembers that the comparison was made. By primary key.
INSERT INTO fleet.reconciliation (provider, reconciled_at)
VALUES (@provider, now())
ON CONFLICT (provider) DO UPDATE SET reconciled_at = excluded.reconciled_at;

-- name: KnownMachines :many
-- Every machine of one provider with what reconciliation compares. Reads the whole table: a fleet is thousands
-- of machines, not millions, and one replica does this once an interval.
SELECT m.machine_id, m.name, p.provider_id, x.machine_id IS NOT NULL AS missing, u.machine_id IS NOT NULL AS unwanted
FROM fleet.machine AS m
LEFT JOIN fleet.machine_provided AS p ON p.machine_id = m.machine_id
LEFT JOIN fleet.machine_missing AS x ON x.machine_id = m.machine_id
LEFT JOIN fleet.machine_unwanted AS u ON u.machine_id = m.machine_id
WHERE m.provider = @provider
ORDER BY m.name;

-- name: WantMachines :exec
-- Brings the rows of the inventory's machines into being, or up to date: parallel arrays, one element a machine;
-- an empty image is none. By the unique index on name; rows that are already right are not written.
INSERT INTO fleet.machine AS m (name, provider, os_image)
SELECT w.name, @provider::TEXT, NULLIF(w.os_image, '')
FROM unnest(@names::TEXT[], @os_images::TEXT[]) AS w (name, os_image)
ORDER BY w.name
ON CONFLICT (name) DO UPDATE SET os_image = excluded.os_image
WHERE m.os_image IS DISTINCT FROM excluded.os_image;

-- name: MarkUnwanted :exec
-- Tags machines that left the inventory. By primary key.
INSERT INTO fleet.machine_unwanted (machine_id)
SELECT id FROM unnest(@machine_ids::UUID[]) AS wanted (id) ORDER BY id
ON CONFLICT (machine_id) DO NOTHING;

-- name: UnmarkUnwanted :exec
-- Clears the tag of machines that came back to the inventory before they were retired. By primary key.
DELETE FROM fleet.machine_unwanted WHERE machine_id = ANY(@machine_ids::UUID[]);

-- name: MarkMissing :exec
-- Tags machines that their provider lists no more. By primary key.
INSERT INTO fleet.machine_missing (machine_id)
SELECT id FROM unnest(@machine_ids::UUID[]) AS missing (id) ORDER BY id
ON CONFLICT (machine_id) DO NOTHING;

-- name: UnmarkMissing :exec
-- Clears the tag of machines that their provider lists again. By primary key.
DELETE FROM fleet.machine_missing WHERE machine_id = ANY(@machine_ids::UUID[]);

-- name: AdoptMachine :exec
-- Ties a machine that the provider already runs to the inventory's machine of that name, unless it is tied to
-- one that is not missing. By the unique index on name, then by primary key.
INSERT INTO fleet.machine_provided AS p (machine_id, provider, provider_id)
SELECT m.machine_id, @provider, @provider_id FROM fleet.machine AS m WHERE m.name = @name
ON CONFLICT (machine_id) DO UPDATE
SET provider_id = excluded.provider_id, provided_at = excluded.provided_at
WHERE EXISTS (SELECT 1 FROM fleet.machine_missing AS x WHERE x.machine_id = excluded.machine_id);

-- name: MachinesToProvision :many
-- Machines that the inventory wants and no provider's machine backs, or whose machine vanished; those that a
-- claim would refuse are left out. Starts at a random place, so that replicas do not fight for the head.
SELECT m.machine_id, m.name
FROM fleet.machine AS m
LEFT JOIN fleet.machine_provided AS p ON p.machine_id = m.machine_id
LEFT JOIN fleet.machine_missing AS x ON x.machine_id = m.machine_id
LEFT JOIN fleet.machine_unwanted AS u ON u.machine_id = m.machine_id
LEFT JOIN holdfast.unavailable_work AS w ON w.kind = 'FleetProvision' AND w.target = m.machine_id::TEXT
WHERE m.provider = @provider AND (p.machine_id IS NULL OR x.machine_id IS NOT NULL)
  AND u.machine_id IS NULL AND w.target IS NULL
ORDER BY m.machine_id < @start_at::UUID, m.machine_id
LIMIT @wanted::INT8;

-- name: MarkProvided :exec
-- The tag that provisioning ends with. By primary key.
INSERT INTO fleet.machine_provided (machine_id, provider, provider_id)
VALUES (@machine_id, @provider, @provider_id)
ON CONFLICT (machine_id) DO UPDATE
SET provider = excluded.provider, provider_id = excluded.provider_id, provided_at = now();

-- name: MachinesToRetire :many
-- Machines that left the inventory, unless a claim would refuse them.
SELECT u.machine_id
FROM fleet.machine_unwanted AS u
JOIN fleet.machine AS m ON m.machine_id = u.machine_id
LEFT JOIN holdfast.unavailable_work AS w ON w.kind = 'FleetRetire' AND w.target = u.machine_id::TEXT
WHERE m.provider = @provider AND w.target IS NULL
ORDER BY u.machine_id < @start_at::UUID, u.machine_id
LIMIT @wanted::INT8;

-- name: DeleteMachine :exec
-- Forgets a machine whose tags are gone. By primary key; its work's history stays.
DELETE FROM fleet.machine WHERE machine_id = @machine_id;

-- name: DeleteProvided :exec
DELETE FROM fleet.machine_provided WHERE machine_id = @machine_id;
