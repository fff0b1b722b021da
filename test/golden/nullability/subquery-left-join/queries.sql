-- name: Query :many
SELECT s.name, s.status FROM (SELECT c.name, o.status FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id) AS s;
