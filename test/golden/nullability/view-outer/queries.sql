-- name: Query :many
SELECT c.name, p.order_id, p.placed_at FROM customer c LEFT JOIN placed_order p ON p.customer_id = c.customer_id;
