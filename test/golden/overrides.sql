-- schema: shop

-- case: codec
-- config: { "overrides": { "types": { "numeric": { "codec": "money", "type": "Money", "from": "../money.ts" } } } }
-- name: PriceOf :one
SELECT price FROM product WHERE product_id = @product_id;

-- name: SetPrice :exec
UPDATE product SET price = @price WHERE product_id = @product_id;

-- case: column-nullable
-- config: { "overrides": { "columns": { "public.customer.email": { "nullable": false } } } }
-- name: Query :many
SELECT name, email FROM customer;

-- case: column-type
-- config: { "overrides": { "columns": { "product.product_id": { "as": "number" } } } }
-- name: Query :many
SELECT product_id, title FROM product WHERE product_id = @product_id;

-- case: parameter
-- config: { "overrides": { "queries": { "Query": { "note": { "nullable": false } } } } }
-- name: Query :exec
UPDATE orders SET note = @note WHERE order_id = @order_id;

-- case: query
-- config: { "overrides": { "queries": { "Query": { "dearest": { "nullable": false, "as": "string" } } } } }
-- name: Query :one
SELECT max(price) AS dearest FROM product;

-- case: type
-- config: { "overrides": { "types": { "numeric": { "as": "number" } } } }
-- name: Query :many
SELECT price, discount FROM product JOIN order_line USING (product_id);

-- case: zod-json
-- config: { "zod": true, "overrides": { "columns": { "product.attributes": { "zod": "attributes", "from": "../attributes.ts" } } } }
-- name: AttributesOf :many
SELECT product_id, attributes FROM product ORDER BY product_id;

-- name: SetAttributes :exec
UPDATE product SET attributes = @attributes WHERE product_id = @product_id;

-- case: meaningless
-- config: { "overrides": { "types": { "timestampz": { "as": "Date" }, "text": { "as": "number" }, "uuid": { "type": "Uuid" }, "jsonb": { "zod": "labels" }, "bool": {}, "int4": { "as": "number", "from": "../int.ts" }, "numeric": { "codec": "money", "zod": "money", "from": "../money.ts" } }, "columns": { "customer.nope": { "nullable": false }, "*.*_nope": { "nullable": false }, "customer.name": { "dimensions": 2 } }, "queries": { "Nope": { "name": { "nullable": true } }, "Query": { "nam": { "nullable": true }, "name": { "nullable": true }, "who": { "nullable": true } } } } }
-- name: Query :many
SELECT name FROM customer WHERE name = @who;

-- case: meaningless-in-a-query
-- config: { "overrides": { "queries": { "Query": { "name": { "as": "Date" } }, "Other": { "who": { "dimensions": 2 } } } } }
-- name: Query :many
SELECT name FROM customer;

-- name: Other :many
SELECT name FROM customer WHERE name = @who;

-- case: wildcard
-- config: { "overrides": { "columns": { "*.price": { "as": "number" }, "order_line.*": { "nullable": false }, "order_*.discount": { "as": "number" }, "*.*_at": { "as": "string" }, "customer.created_at": { "as": "Date" } } } }
-- name: Query :many
SELECT p.price, l.discount, o.placed_at, c.created_at
FROM product AS p JOIN order_line AS l USING (product_id) JOIN orders AS o USING (order_id) JOIN customer AS c USING (customer_id)
WHERE l.discount > @discount AND o.placed_at > @since;

-- case: dates-in-utc
-- schema: times
-- config: { "overrides": { "types": { "timestamp": { "as": "Date" }, "date": { "as": "Date" } } } }
-- name: Visits :many
SELECT at, on_day, paid_on, days FROM visit WHERE at > @since AND on_day = ANY(@days::DATE[]);

-- case: columns-of-domains
-- schema: times
-- config: { "overrides": { "columns": { "visit.paid_on": { "as": "Date" }, "visit.paid": { "as": "number" } } } }
-- name: AddPayment :exec
UPDATE visit SET paid_on = @paid_on, paid = @paid WHERE at = @at;
-- name: Payments :many
SELECT paid_on, paid FROM visit;
