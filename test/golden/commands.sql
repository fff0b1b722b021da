-- schema: shop

-- case: batch-count
-- name: DropMany :batch
DELETE FROM order_line WHERE order_id = @order_id;

-- case: batch-exec
-- name: Notes :batchexec
UPDATE orders SET note = @note WHERE order_id = @order_id;

-- case: batch-many
-- name: OrdersOf :batchmany
SELECT order_id FROM orders WHERE customer_id = @customer_id ORDER BY order_id;

-- case: batch-one
-- name: Prices :batchone
SELECT price FROM product WHERE product_id = @product_id;

-- case: batch-rows
-- name: Titles :batch
SELECT title FROM product WHERE product_id = @product_id;

-- case: copyfrom
-- name: AddCustomers :copyfrom
INSERT INTO customer (customer_id, name, email) VALUES (@customer_id, @name, @email);

-- case: copyfrom-conflict
-- name: AddMissing :copyfrom
INSERT INTO customer (customer_id, name, email) VALUES ($1, $2, $3) ON CONFLICT (customer_id) DO NOTHING;

-- case: copyfrom-enum
-- name: AddOrders :copyfrom
INSERT INTO orders (order_id, customer_id, status, note) VALUES (@order_id, @customer_id, @status, 'new');

-- case: copyfrom-returning
-- name: AddCustomers :copyfrom
INSERT INTO customer (customer_id, name) VALUES (@customer_id, upper(@name::TEXT)) RETURNING customer_id, created_at;

-- case: exec
-- name: DropLines :exec
DELETE FROM order_line WHERE order_id = @order_id;

-- case: exec-ignores-returning
-- name: DropOrder :exec
DELETE FROM orders WHERE order_id = @order_id RETURNING note;

-- case: execrows
-- name: DoublePrice :execrows
UPDATE product SET price = price * 2 WHERE product_id = @id;

-- case: iter
-- name: StreamProducts :iter
SELECT product_id, title FROM product ORDER BY product_id;

-- case: iter-params
-- name: StreamDear :iter
SELECT product_id FROM product WHERE price > @price ORDER BY product_id;

-- case: many
-- name: ListNames :many
SELECT name FROM customer ORDER BY name;

-- case: maybe
-- name: FindName :maybe
SELECT name FROM customer WHERE customer_id = @customer_id;

-- case: one
-- name: GetName :one
SELECT name FROM customer WHERE customer_id = @customer_id;

-- case: several
-- name: First :one
SELECT 1::INT8 AS x;

-- name: Second :many
SELECT name FROM customer ORDER BY name;

-- name: Third :exec
UPDATE orders SET note = NULL WHERE status = 'open';

-- case: copyfrom-of-bits
-- schema: bits
-- name: AddMasks :copyfrom
INSERT INTO mask (id, bits, letter, several) VALUES (@id, @bits, @letter, @several);

-- case: copyfrom-returning-star
-- name: AddProducts :copyfrom
INSERT INTO product (product_id, title, price, tags) VALUES (@product_id, upper(@title), @price, @tags) RETURNING *;

-- name: AddLine :copyfrom
INSERT INTO product (product_id, title, price, tags) VALUES (@a, @b, @c, '{}'), (@a, 'x', 1, '{}');

-- name: AddAgain :copyfrom
INSERT INTO product (product_id, title, price, tags) VALUES (@a, @b, 1, '{}') ON CONFLICT (product_id) DO UPDATE SET title = @b;

-- case: copyfrom-array
-- name: A :copyfrom
INSERT INTO product (product_id, title, price, tags) VALUES (@a, @b, @c, @d);
