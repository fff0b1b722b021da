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
