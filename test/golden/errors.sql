-- schema: shop

-- case: all-at-once
-- name: A :many
SELECT nam FROM customer;

-- name: B :many
SELECT name FROM custome;

-- name: C :one
SELECT 1 AS x;

-- case: bad-name
-- name: 1st :one
SELECT 1 AS x;

-- case: broken-migration
-- schema: broken
-- name: A :many
SELECT id FROM a;

-- case: claim-no-kind
-- schema: holdfast
-- name: A :claim
SELECT machine_id AS target FROM machine;

-- case: claim-no-target
-- schema: holdfast
-- name: A :claim kind=install
SELECT machine_id FROM machine;

-- case: claim-not-a-select
-- schema: holdfast
-- name: A :claim kind=install
DELETE FROM machine RETURNING machine_id AS target;

-- name: B :finish kind=install
SELECT machine_id FROM machine;

-- name: C :claim kind=group:x
SELECT machine_id AS target FROM machine;

-- name: D :claim kind=install colour=red
SELECT machine_id AS target FROM machine;

-- name: E :claim kind=install
SELECT machine_id AS target FROM machine WHERE nosuch = @rack;

-- case: claim-numbered
-- schema: holdfast
-- name: A :claim kind=install
SELECT machine_id AS target FROM machine WHERE rack = $1;

-- case: claim-unmigrated
-- schema: unmigrated
-- name: A :claim kind=install
SELECT machine_id AS target FROM machine;

-- case: copyfrom-select
-- name: A :copyfrom
SELECT name FROM customer WHERE name = @name;

-- case: dynamic-bad-order
-- name: A :many
SELECT name
FROM customer
ORDER BY name -- order: name, colour
;

-- case: dynamic-invalid-alone
-- name: A :many
SELECT c.name
FROM customer AS c
  JOIN orders AS o ON o.customer_id = c.customer_id AND o.status = @status -- optional
WHERE true
  AND o.note = @note -- optional
ORDER BY c.name;

-- case: dynamic-no-order-by
-- name: A :many
SELECT name
FROM customer -- order: name
;

-- case: dynamic-no-parameter
-- name: A :many
SELECT name
FROM customer
WHERE true
  AND email IS NULL -- optional
ORDER BY name;

-- case: dynamic-star
-- name: A :many
SELECT *
FROM customer
WHERE true
  AND name = @name -- optional
;

-- case: dynamic-unclosed
-- name: A :many
SELECT name FROM customer WHERE true /* optional */ AND name = @name;

-- case: gap-in-numbers
-- name: A :many
SELECT name FROM customer WHERE name = $2;

-- case: mark-of-nothing
-- name: A :many
SELECT name FROM (SELECT name AS "x!" FROM customer) AS s (name);

-- case: missing-semicolon
-- name: A :one
SELECT 1 AS x

-- name: B :one
SELECT 2 AS y;

-- case: no-command
-- name: A
SELECT 1 AS x;

-- case: no-name
SELECT 1 AS x;

-- case: no-statement
-- name: A :one

-- case: not-prepared
-- name: A :exec
BEGIN; SELECT;

-- case: one-without-columns
-- name: A :one
DELETE FROM order_line WHERE order_id = @order_id;

-- case: pgtyped-no-name
/* @name A */
SELECT name FROM customer;
SELECT email FROM customer;

-- case: position-after-comment
-- name: A :many
SELECT -- comment
  name, /* more */ nam
FROM customer;

-- case: position-after-parameters
-- name: A :many
SELECT name FROM customer WHERE name = @a_rather_long_parameter_name AND nam = 'x';

-- case: position-after-unicode
-- name: A :many
SELECT '🐘🐘' AS e, nam FROM customer;

-- case: same-parameter-twice
-- name: A :many
SELECT name FROM customer WHERE name = @a_b AND email = @aB;

-- case: same-query-twice
-- name: A :many
SELECT name FROM customer;
-- name: a :many
SELECT email FROM customer;

-- case: settings-on-many
-- schema: holdfast
-- name: A :many kind=install
SELECT machine_id AS target FROM machine;

-- case: sqlc-no-name
-- name: A :many
SELECT name FROM customer WHERE name = sqlc.arg();

-- case: sqlc-unknown
-- name: A :many
SELECT name FROM customer WHERE name = sqlc.var(name);

-- case: syntax
-- name: A :many
SELECT name FORM customer;

-- case: two-names
-- name: A :one
-- name: B :one
SELECT 1 AS x;

-- case: two-types
-- name: A :one
SELECT @x::INT4 + length(@x) AS x;

-- case: typedsql-two
-- @param {Int} $1:id
SELECT title FROM product WHERE product_id = $1;
SELECT 1 AS x;

-- case: unclosed-after-others
-- name: A :one
SELECT nope FROM customer;

-- name: B :one
SELECT 'a;

-- case: unclosed-comment
-- name: A :one
SELECT 1 /* AS x;

-- case: unclosed-string
-- name: A :one
SELECT 'x AS x;

-- case: unknown-column
-- name: A :many
SELECT nam FROM customer;

-- case: unknown-command
-- name: A :some
SELECT 1 AS x;

-- case: unknown-table
-- name: A :many
SELECT name FROM customers;

-- case: no-such-table-holdfast
-- name: A :many
SELECT target FROM holdfast.unavailable_work;

-- case: no-such-table-in-public
-- schema: search-path
-- name: A :many
SELECT body FROM note;

-- name: B :many
SELECT body FROM app.note;

-- case: no-type-for-parameter
-- name: A :one
SELECT @first AS a, pg_typeof(@second_one) AS b;

-- case: not-in-from
-- name: A :many
SELECT o.note FROM customer AS c;

-- case: never-runs
-- name: Listen :exec
LISTEN news;

-- name: Unlisten :exec
UNLISTEN *;

-- name: Setting :exec
SET statement_timeout = '5s';

-- name: PassingSetting :exec
SET LOCAL statement_timeout = '5s';

-- name: Begin :exec
BEGIN;

-- name: Commit :exec
COMMIT;

-- name: Savepoint :exec
SAVEPOINT a;

-- name: Prepare :exec
PREPARE p AS SELECT 1;

-- name: Discard :exec
DISCARD ALL;

-- name: CopyIn :exec
COPY customer (customer_id, name) FROM STDIN;

-- name: CopyOut :exec
COPY customer TO STDOUT;

-- name: Lock :one
SELECT pg_advisory_lock(1), 'pg_advisory_lock(1)' AS a;

-- name: TryLock :one
SELECT pg_catalog.pg_try_advisory_lock_shared(@key);

-- name: PassingLock :exec
SELECT pg_advisory_xact_lock(1);

-- name: Temporary :exec
CREATE TEMP TABLE t (a INT4);

-- name: TemporaryView :exec
CREATE LOCAL TEMPORARY TABLE t AS SELECT 1 AS a;

-- name: SelectedTemporary :exec
SELECT * INTO TEMP copied FROM customer;

-- name: InItsSchema :exec
CREATE TABLE pg_temp.t (a INT4);

-- name: ReplacedView :exec
CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1 AS a;

-- name: PassingTemporary :exec
CREATE TEMPORARY TABLE t ON COMMIT DROP AS SELECT 1 AS a;

-- name: Table :exec
CREATE TABLE IF NOT EXISTS t (a INT4);
