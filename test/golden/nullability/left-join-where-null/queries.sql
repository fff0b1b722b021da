-- name: Query :many
SELECT c.name, o.status FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.order_id IS NULL;
