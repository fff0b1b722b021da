-- schema: shop

-- case: any-array
-- name: Query :many
SELECT title FROM product WHERE product_id = ANY(@ids::INT8[]) ORDER BY product_id;

-- case: any-untyped
-- name: Query :many
SELECT title FROM product WHERE product_id = ANY(@ids) ORDER BY product_id;

-- case: case-stored
-- name: Query :exec
UPDATE orders SET note = CASE WHEN status = 'open' THEN @note ELSE NULL END WHERE order_id = @order_id;

-- case: containment
-- name: Query :many
SELECT title FROM product WHERE tags @> @tags AND tags <@ ARRAY['iron'] ORDER BY product_id;

-- case: enum
-- name: Query :many
SELECT order_id FROM orders WHERE status = @status ORDER BY order_id;

-- case: enum-array
-- name: Query :many
SELECT order_id FROM orders WHERE status = ANY(@statuses::order_status[]) ORDER BY order_id;

-- case: equals-at
-- name: Query :many
SELECT name FROM customer WHERE name =@name ORDER BY name;

-- case: in-string
-- name: Query :many
SELECT '@not a $1 param' AS text, E'it\'s @no' AS escaped, $$ @nor this $$ AS dollars FROM customer WHERE name = @name;

-- case: insert-nullable
-- name: Query :exec
INSERT INTO orders (order_id, customer_id, status, note, placed_at) VALUES (@order_id, @customer_id, @status, @note, @placed_at);

-- case: insert-select
-- name: Query :execrows
INSERT INTO orders (order_id, customer_id, status, note) SELECT @order_id, customer_id, @status, @note FROM customer WHERE name = @name;

-- case: insert-several-rows
-- name: Query :exec
INSERT INTO customer (customer_id, name, email) VALUES (@a, 'A', @email), (@b, 'B', @email);

-- case: interval
-- name: Query :many
SELECT name FROM customer WHERE created_at > now() - @age::INTERVAL ORDER BY name;

-- case: is-distinct
-- name: Query :many
SELECT name FROM customer WHERE email IS NOT DISTINCT FROM @email ORDER BY name;

-- case: is-null-test
-- name: Query :many
SELECT name FROM customer WHERE @name::TEXT IS NULL OR name = @name ORDER BY name;

-- case: json
-- name: Query :exec
UPDATE product SET attributes = @attributes WHERE product_id = @product_id;

-- case: limit-offset
-- name: Query :many
SELECT name FROM customer ORDER BY customer_id LIMIT @limit OFFSET @offset;

-- case: named
-- name: Query :many
SELECT name FROM customer WHERE name = @name OR email = @name ORDER BY name;

-- case: numbered
-- name: Query :maybe
SELECT name FROM customer WHERE customer_id = $1 AND created_at > $2;

-- case: numbered-beside-subquery
-- name: Query :many
SELECT name FROM customer WHERE customer_id IN (SELECT customer_id FROM orders) AND name = $1 ORDER BY name;

-- case: numbered-expression
-- name: Query :one
SELECT $1::INT8 + $2::INT8 AS sum;

-- case: numbered-twice
-- name: Query :many
SELECT product_id FROM product WHERE price > $1 AND price < $2 ORDER BY product_id;

-- case: reserved-name
-- name: Query :many
SELECT name FROM customer WHERE name = @class ORDER BY name;

-- case: sqlc-arg
-- name: Query :many
SELECT name FROM customer WHERE name = sqlc.arg(wanted_name) AND created_at >= sqlc.arg('since') ORDER BY name;

-- case: sqlc-narg
-- name: Query :many
SELECT name FROM customer WHERE name = COALESCE(sqlc.narg(name), name) ORDER BY name;

-- case: sqlc-slice
-- name: Query :many
SELECT name FROM customer WHERE customer_id IN (sqlc.slice(ids)) ORDER BY name;

-- case: sqlc-slice-not
-- name: Query :many
SELECT name FROM customer WHERE customer_id NOT IN (sqlc.slice(ids)) ORDER BY name;

-- case: untyped
-- name: Query :one
SELECT @x AS x;

-- case: update-both
-- name: Query :execrows
UPDATE orders SET note = @note WHERE note <> @note;

-- case: update-coalesce
-- name: Query :execrows
UPDATE customer SET name = COALESCE(@name, name) WHERE customer_id = @customer_id;

-- case: update-not-null
-- name: Query :execrows
UPDATE customer SET name = @name WHERE customer_id = @customer_id;

-- case: update-nullable
-- name: Query :execrows
UPDATE orders SET note = @note WHERE order_id = @order_id;

-- case: upsert
-- name: Query :exec
INSERT INTO customer (customer_id, name, email) VALUES (@customer_id, @name, @email) ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, email = @email;

-- case: varchar-length
-- name: Query :exec
INSERT INTO product (product_id, title, price, tags) VALUES (@product_id, @title, @price, @tags);
