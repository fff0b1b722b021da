-- name: Query :many
SELECT c.name, o.status, o.note FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.status = 'open';
