-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.customer_id ORDER BY c.name;
