-- name: A :many process=install
SELECT machine_id AS target FROM machine;
