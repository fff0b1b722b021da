-- name: Query :many
UPDATE orders SET note = NULL WHERE note IS NOT NULL RETURNING order_id, note;
