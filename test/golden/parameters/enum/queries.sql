-- name: Query :many
SELECT order_id FROM orders WHERE status = @status ORDER BY order_id;
