-- name: Half :many
SELECT slots / 2 AS half FROM machine ORDER BY machine_id;
