-- name: FinishInstall :finish kind=install
UPDATE machine SET installed_at = now() WHERE machine_id = ANY(@targets::UUID[]);

-- name: NoteInstall :finish kind=install
-- With a parameter of its own, and what it returns ignored.
UPDATE machine SET rack = @rack WHERE machine_id::TEXT = ANY(@targets::TEXT[]) RETURNING machine_id;
