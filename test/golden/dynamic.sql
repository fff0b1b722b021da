-- schema: shop

-- case: block
-- name: Buyers :many
SELECT c.name
FROM customer AS c
WHERE true
  /* optional */
  AND EXISTS (
    SELECT 1 FROM orders AS o
    WHERE o.customer_id = c.customer_id AND o.status = @status
  )
  /* end */
ORDER BY c.name;

-- case: keyset
-- name: Page :many
SELECT c.customer_id, c.name, c.created_at
FROM customer AS c
WHERE c.name <> @not_name
  AND (c.created_at, c.customer_id) > (@after_created_at, @after_id) -- optional
ORDER BY c.created_at, c.customer_id
LIMIT @limit;

-- case: keyset-override
-- schema: event
-- config: { "overrides": { "columns": { "event.at": { "as": "string" } } } }
-- name: PageEvents :many
SELECT event_id, at FROM event WHERE true
  AND (at, event_id) > (@after, @after_id) -- optional
ORDER BY at, event_id LIMIT 2;

-- case: limit-behind-semicolon
-- name: ListProducts :many
SELECT product_id, title
FROM product
ORDER BY product_id
LIMIT @limit; -- optional

-- name: Other :many
SELECT title FROM product;

-- case: many-parts
-- name: Wide :many
SELECT product_id
FROM product
WHERE true
  AND product_id <> @p0 -- optional
  AND product_id <> @p1 -- optional
  AND product_id <> @p2 -- optional
  AND product_id <> @p3 -- optional
  AND product_id <> @p4 -- optional
  AND product_id <> @p5 -- optional
  AND product_id <> @p6 -- optional
  AND product_id <> @p7 -- optional
ORDER BY product_id;

-- case: optional-filter
-- name: FindProducts :many
-- Products, by whatever is asked for.
SELECT product_id, title
FROM product
WHERE true
  AND price >= @min_price -- optional
  AND title = @title      -- optional
ORDER BY product_id;

-- case: optional-is-no-proof
-- name: Emails :many
SELECT email
FROM customer
WHERE true
  AND email = @email -- optional
ORDER BY email;

-- case: optional-join
-- name: Joined :many
SELECT c.name
FROM customer AS c
  JOIN orders AS o ON o.customer_id = c.customer_id AND o.status = @status -- optional
ORDER BY c.name;

-- case: order
-- name: ListProducts :many
SELECT product_id, title
FROM product
ORDER BY title, product_id -- order: title, price, newest = product_id
LIMIT @limit -- optional
;

-- case: shared-parameter
-- name: Shared :many
SELECT product_id
FROM product
WHERE product_id > @floor
  AND price > @floor -- optional
ORDER BY product_id;
