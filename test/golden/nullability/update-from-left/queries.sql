-- name: Query :many
UPDATE orders AS o SET note = x.name FROM (SELECT c.customer_id, p.title AS name FROM customer c LEFT JOIN product p ON p.title = c.name) AS x WHERE x.customer_id = o.customer_id RETURNING o.order_id, x.name;
