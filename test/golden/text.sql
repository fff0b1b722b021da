-- schema: shop

-- case: backticks
-- name: Query :many
SELECT '`${x}` \\ ' AS tricky,
  name FROM customer;

-- case: block-annotation
/* name: A :many */
/* Everybody. */
SELECT name FROM customer;

-- case: clash-with-runtime
-- name: Text :many
SELECT name FROM customer;
-- name: Uuid :many
SELECT customer_id FROM customer;

-- case: crlf
-- line ends: CRLF
-- name: A :many
SELECT name
FROM customer;

-- case: doc-comment
-- Says who somebody is.
-- name: WhoIs :one
-- By primary key; one round trip.
--
-- A second paragraph with */ and @tag.
SELECT name -- the name
FROM customer /* all of them */ WHERE customer_id = @customer_id;

-- case: file-header
-- This file holds queries.

-- name: A :many
SELECT name FROM customer;

-- case: hint-kept
-- name: Query :many
SELECT /*+ SeqScan(customer) */ name FROM customer;

-- case: long-name
-- name: ListEveryCustomerThatHasNotYetOrderedAnything :many
SELECT c.name FROM customer c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id) AND c.name <> @name;

-- case: many-columns
-- name: Query :many
SELECT customer_id, name, email, created_at, status, note, placed_at, order_id FROM customer JOIN orders USING (customer_id);

-- case: no-final-semicolon
-- name: A :many
SELECT name FROM customer

-- case: origin-beside
-- config: {"beside": ".origin.ts"}
-- name: First :many
SELECT name FROM customer;

-- Says what follows.
-- name: Second :exec
DELETE FROM customer WHERE customer_id = @customer_id;

-- case: origin-folder
-- config: {"out": "src/db/made"}
-- name: First :many
SELECT name FROM customer;

-- case: quotes
-- name: Query :many
SELECT name AS "it's" FROM customer WHERE name = 'it''s';

-- case: reserved-function
-- name: Delete :exec
DELETE FROM order_line WHERE order_id = @order_id;

-- case: snake-name
-- name: list_all_names :many
SELECT name FROM customer;

-- case: unicode
-- name: Query :many
SELECT name AS "größe", '🐘' AS elephant FROM customer WHERE name = @name;
