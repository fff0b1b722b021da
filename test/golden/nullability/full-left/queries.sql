-- name: Query :many
SELECT c.name, o.status, l.quantity FROM customer c FULL JOIN orders o ON o.customer_id = c.customer_id LEFT JOIN order_line l ON l.order_id = o.order_id;
