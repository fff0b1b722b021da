-- name: Query :many
SELECT c.name, o.status FROM customer c FULL JOIN orders o ON o.customer_id = c.customer_id WHERE c.name IS NOT NULL;
