-- name: A :many kind=install
SELECT machine_id AS target FROM machine;
