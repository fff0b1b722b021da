-- name: Empty :many
SELECT machine_id, number FROM empty_slot ORDER BY machine_id, number;
