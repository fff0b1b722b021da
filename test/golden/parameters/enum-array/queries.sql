-- name: Query :many
SELECT order_id FROM orders WHERE status = ANY(@statuses::order_status[]) ORDER BY order_id;
