-- schema: shop

-- case: left-join
-- name: Query :many
SELECT sqlc.embed(c), sqlc.embed(o) FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id;

-- case: mixed
-- name: Query :many
SELECT l.quantity, sqlc.embed(p), l.discount FROM order_line l JOIN product p ON p.product_id = l.product_id;

-- case: table-name
-- name: Query :many
SELECT sqlc.embed(customer) FROM customer;

-- case: two
-- name: Query :many
SELECT sqlc.embed(c), sqlc.embed(o) FROM customer c JOIN orders o ON o.customer_id = c.customer_id;
