-- name: Query :many
SELECT c.name, last.placed_at, last.status FROM customer c LEFT JOIN LATERAL (SELECT o.placed_at, o.status FROM orders o WHERE o.customer_id = c.customer_id ORDER BY o.placed_at DESC, o.order_id LIMIT 1) AS last ON true;
