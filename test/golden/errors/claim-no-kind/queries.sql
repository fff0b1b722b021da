-- name: A :claim
SELECT machine_id AS target FROM machine;
