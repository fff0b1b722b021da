-- name: Machines :many
SELECT * FROM machine ORDER BY machine_id;
