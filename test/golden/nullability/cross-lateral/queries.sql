-- name: Query :many
SELECT c.name, last.status FROM customer c CROSS JOIN LATERAL (SELECT o.status FROM orders o WHERE o.customer_id = c.customer_id ORDER BY o.order_id LIMIT 1) AS last;
