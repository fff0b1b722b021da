-- schema: shop

-- case: count-is-no-star
-- name: Query :many
SELECT count(*) AS n, 2 * quantity AS twice FROM order_line GROUP BY quantity;

-- case: cte
-- name: Query :many
WITH x AS (SELECT * FROM customer) SELECT * FROM x;

-- case: full-using
-- name: Query :many
SELECT * FROM customer FULL JOIN orders USING (customer_id);

-- case: one-table
-- name: Query :many
SELECT * FROM customer ORDER BY name;

-- case: qualified
-- name: Query :many
SELECT o.*, c.name FROM orders o JOIN customer c USING (customer_id) ORDER BY o.order_id;

-- case: quoted-names
-- schema: quoted-names
-- name: Query :many
SELECT * FROM "Odd Table" AS "T";

-- case: returning
-- name: Query :many
DELETE FROM order_line WHERE order_id = @order_id RETURNING *;

-- case: subquery
-- name: Query :many
SELECT * FROM (SELECT name, email FROM customer) AS s;

-- case: two-tables
-- name: Query :many
SELECT * FROM customer c JOIN product p ON p.title = c.name;

-- case: using
-- name: Query :many
SELECT * FROM customer JOIN orders USING (customer_id);

-- case: view
-- name: Query :many
SELECT * FROM customer_order;
