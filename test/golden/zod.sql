-- schema: shop

-- case: dynamic
-- config: { "zod": true }
-- name: Find :many
SELECT title
FROM product
WHERE true
  AND price > @price -- optional
ORDER BY title;

-- case: embeds
-- config: { "zod": true }
-- name: Both :many
SELECT sqlc.embed(c), sqlc.embed(o) FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id;

-- case: json
-- config: { "zod": true }
-- name: Docs :many
SELECT jsonb_build_object('id', order_id, 'note', note) AS doc FROM orders;

-- case: params-and-rows
-- config: { "zod": true }
-- name: Add :one
INSERT INTO orders (order_id, customer_id, status, note) VALUES (@order_id, @customer_id, @status, @note) RETURNING order_id, status, placed_at;

-- case: types
-- schema: everything
-- config: { "zod": true }
-- name: Everything :many
SELECT * FROM everything;
-- name: Insert :exec
INSERT INTO everything VALUES (@id, @a_bool, @a_int2, @a_int4, @a_float4, @a_float8, @a_numeric, @a_text, @a_varchar, @a_char, @a_uuid, @a_bytea, @a_date, @a_time, @a_timestamp, @a_timestamptz, @an_interval, @a_json, @a_jsonb, @a_mood, @moods, @texts, @ints, @an_address, @a_percent, @an_inet, @a_range, @maybe_mood);

-- case: varchar-length
-- config: { "zod": true }
-- name: Retitle :exec
UPDATE product SET title = @title WHERE product_id = @product_id;
