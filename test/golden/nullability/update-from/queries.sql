-- name: Query :many
UPDATE orders AS o SET note = c.email FROM customer AS c WHERE c.customer_id = o.customer_id RETURNING o.order_id, c.name, c.email;
