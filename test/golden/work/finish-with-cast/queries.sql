-- name: NoteInstall :finish kind=install
UPDATE machine SET rack = @rack WHERE slot = @slot::NUMERIC AND machine_id = ANY(@targets::UUID[]);
