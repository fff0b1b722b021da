-- schema: holdfast

-- case: claim
-- name: ClaimInstall :claim kind=install
-- Machines to install, of one rack.
SELECT machine_id AS target FROM machine WHERE rack = @rack AND installed_at IS NULL ORDER BY machine_id;

-- case: claim-with-limit
-- name: ClaimInstall :claim kind=it's-here
SELECT m.machine_id AS target, m.rack FROM machine AS m WHERE m.installed_at IS NULL LIMIT @wanted * 2;

-- case: finish
-- name: FinishInstall :finish kind=install
UPDATE machine SET installed_at = now() WHERE machine_id = ANY(@targets::UUID[]);

-- name: NoteInstall :finish kind=install
-- With a parameter of its own, and what it returns ignored.
UPDATE machine SET rack = @rack WHERE machine_id::TEXT = ANY(@targets::TEXT[]) RETURNING machine_id;

-- case: finish-with-cast
-- postgresql: 16
-- schema: holdfast-numeric
-- name: NoteInstall :finish kind=install
UPDATE machine SET rack = @rack WHERE slot = @slot::NUMERIC AND machine_id = ANY(@targets::UUID[]);

-- case: step
-- name: NoteProgress :step kind=install
-- How far it is.
UPDATE machine SET rack = @progress WHERE machine_id = ANY(@targets::UUID[]);

-- case: step-with-others
-- name: NoteMoves :step kind=install
-- The change, and one beside it.
WITH moved AS (
  UPDATE machine SET rack = @rack WHERE machine_id = ANY(@targets::UUID[]) RETURNING machine_id
)
DELETE FROM machine WHERE rack = 'gone' AND EXISTS (SELECT 1 FROM moved AS m WHERE m.machine_id = machine.machine_id);

-- case: claim-sorted
-- postgresql: 16
-- name: ClaimOldest :claim kind=install
SELECT machine_id AS target FROM machine WHERE installed_at IS NULL ORDER BY rack, machine_id;

-- name: ClaimSome :claim kind=install
SELECT machine_id AS target FROM machine WHERE installed_at IS NULL ORDER BY rack, machine_id LIMIT @wanted;
