-- name: Query :many
DELETE FROM orders WHERE note IS NOT NULL RETURNING order_id, note;
