-- name: Query :many
SELECT order_id, placed_at FROM placed_order;
