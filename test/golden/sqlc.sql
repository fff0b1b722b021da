-- schema: shop

-- case: columns-of-one-name
-- name: Lines :many
SELECT * FROM orders AS o JOIN order_line AS l ON l.order_id = o.order_id;

-- name: Counted :one
SELECT count(*), count(email), count(*) AS count2, max(name) FROM customer;

-- case: columns-without-a-name
-- name: Exists :one
SELECT count(*) > 0, NOT EXISTS (SELECT 1 FROM orders), 'a' || name FROM customer GROUP BY name;

-- name: Either :many
SELECT price * 2 FROM product UNION ALL SELECT 1.5 ORDER BY 1;

-- name: Quiet :one
-- lint:ignore HL013 the caller takes the row apart by its order
SELECT 1 + 1, 2;

-- case: comment-with-a-pgtyped-name
/* This was @name Titles once,
   and took @param ids -> (...). */
-- name: Titles :many
SELECT title FROM product WHERE product_id = ANY(@ids::INT8[]) ORDER BY product_id;

-- case: embedded-twice
-- name: Pairs :many
SELECT sqlc.embed(a), sqlc.embed(a), sqlc.embed(b) FROM product AS a LEFT JOIN product AS b ON b.product_id > a.product_id;

-- case: embedded-by-a-quoted-name
-- schema: quoted-names
-- name: Quoted :many
SELECT sqlc.embed("Odd Table"), sqlc.embed("order"), sqlc.embed(plain)
FROM "Odd Table", "Odd Table" AS "order", "Odd Table" AS plain;

-- case: exec-drops-what-comes
-- name: Ping :exec
SELECT 1 + 1, 2;

-- name: Touch :exec
UPDATE customer SET name = @name RETURNING name, name;

-- case: execlastid
-- name: AddCustomer :execlastid
INSERT INTO customer (customer_id, name) VALUES (@id, @name);

-- case: execresult
-- name: Forget :execresult
DELETE FROM customer WHERE customer_id = $1;

-- case: marks
-- name: Called :many
SELECT email "address!", max(created_at) "year?", count(*) "all!", CASE WHEN name > 'a' THEN name END "late!"
FROM customer GROUP BY email, name ORDER BY "address!", "all!" DESC;

-- name: Within :many
SELECT totals."total!", "total!" + 1 AS more
FROM (SELECT sum(quantity) AS "total!" FROM order_line GROUP BY order_id) AS totals ORDER BY totals."total!";

-- name: OfAColumn :many
SELECT "name" "ours!" FROM customer WHERE "name" > '' ORDER BY "name";

-- case: marks-at-odds
-- name: A :many
SELECT c.email AS "email!", d.email AS "email?" FROM customer AS c JOIN customer AS d USING (name);

-- name: B :many
SELECT c.email AS "email!", d.email FROM customer AS c JOIN customer AS d USING (name);

-- case: mixed-parameters
-- name: Found :many
SELECT name FROM customer WHERE email = sqlc.arg(email) AND created_at > $1 AND created_at < $3 AND name = sqlc.narg(who)
  AND customer_id = @customer_id AND email <> sqlc.arg(email) AND created_at > $1;

-- case: mixed-parameters-gap
-- name: Gap :many
SELECT name FROM customer WHERE email = @email AND created_at > $3;

-- case: odd-json
-- name: Odd :one
SELECT jsonb_build_object('a') AS a, json_build_object('a', 1, 'b') AS b;

-- case: rename
-- config: { "rename": { "customer_id": "customerID", "url": "URL", "who": "whom" } }
-- name: Renamed :many
SELECT c.customer_id, c.name AS url, sqlc.embed(o) FROM customer AS c JOIN orders AS o USING (customer_id)
WHERE c.name = @who AND c.customer_id = $1;

-- case: rename-nothing
-- config: { "rename": { "customer_idd": "customerID" } }
-- name: Renamed :many
SELECT customer_id FROM customer;

-- case: two-levels-of-a-star
-- name: Star :many
SELECT s.*, s.name FROM (SELECT * FROM customer) AS s;
