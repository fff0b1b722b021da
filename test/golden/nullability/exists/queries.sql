-- name: Query :many
SELECT name, EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id) AS has FROM customer c ORDER BY name;
