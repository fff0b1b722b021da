-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c CROSS JOIN orders AS o ORDER BY o.order_id;
