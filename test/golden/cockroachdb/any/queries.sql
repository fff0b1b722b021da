-- name: Some :many
SELECT name FROM machine WHERE machine_id = ANY(@ids::UUID[]) ORDER BY machine_id;
