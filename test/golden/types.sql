-- schema: everything

-- case: array-agg-proof
-- name: Query :many
SELECT array_agg(a_text) AS texts, array_agg(maybe_mood) AS moods FROM everything GROUP BY a_int4;

-- case: array-constructor
-- name: Query :many
SELECT ARRAY[a_text, a_varchar] AS both, ARRAY[a_text, NULL] AS holes FROM everything;

-- case: array-dimensions
-- schema: board
-- config: { "overrides": { "columns": { "board.loose": { "dimensions": 2 } } }, "zod": true }
-- name: GetBoard :one
SELECT cells, cube, labels, loose FROM board WHERE board_id = @board_id;

-- name: FindBoards :many
SELECT board_id FROM board WHERE cells = @cells ORDER BY board_id;

-- name: AddBoard :exec
INSERT INTO board (board_id, cells, cube, labels, loose) VALUES (@board_id, @cells, @cube, @labels, @loose);

-- name: Derived :one
SELECT array_agg(s.labels) AS all_labels, ARRAY[[1, 2], [3, NULL]] AS constant, COALESCE(max(s.cells), '{}') AS most
FROM (SELECT labels, cells FROM board WHERE cardinality(labels) > 0) AS s;

-- name: Viewed :many
SELECT cells FROM shown ORDER BY board_id;

-- case: array-elements-not-null
-- config: { "arrayElements": "notnull" }
-- name: Query :many
SELECT texts, moods FROM everything;

-- case: column-comment
-- name: Query :many
SELECT a_text FROM everything;

-- case: composite
-- name: Query :many
SELECT an_address FROM everything;

-- case: domain
-- name: Query :many
SELECT a_percent FROM everything WHERE a_percent > @percent;

-- case: enum
-- name: Query :many
SELECT a_mood, maybe_mood, moods FROM everything;

-- case: everything
-- name: Query :many
SELECT * FROM everything;

-- case: everything-params
-- name: Query :exec
INSERT INTO everything VALUES (@id, @a_bool, @a_int2, @a_int4, @a_float4, @a_float8, @a_numeric, @a_text, @a_varchar, @a_char, @a_uuid, @a_bytea, @a_date, @a_time, @a_timestamp, @a_timestamptz, @an_interval, @a_json, @a_jsonb, @a_mood, @moods, @texts, @ints, @an_address, @a_percent, @an_inet, @a_range, @maybe_mood);

-- case: int8-number
-- config: { "int8": "number" }
-- name: Query :many
SELECT id, ints, a_int4 FROM everything WHERE id = @id;

-- case: int8-string
-- config: { "int8": "string" }
-- name: Query :many
SELECT id, ints FROM everything WHERE id = @id;

-- case: json-agg
-- schema: shop
-- name: Query :many
SELECT c.name, COALESCE((SELECT jsonb_agg(jsonb_build_object('id', o.order_id, 'note', o.note)) FROM orders o WHERE o.customer_id = c.customer_id), '[]') AS orders FROM customer c ORDER BY c.name;

-- case: json-agg-grouped
-- schema: shop
-- name: Query :many
SELECT o.customer_id, json_agg(o.note) AS notes, json_agg(o.order_id) AS ids FROM orders o GROUP BY o.customer_id ORDER BY o.customer_id;

-- case: json-object
-- name: Query :many
SELECT jsonb_build_object('id', id, 'mood', a_mood, 'maybe', maybe_mood, 'price', a_numeric, 'at', a_timestamptz, 'deep', json_build_object('flag', a_bool)) AS doc FROM everything;

-- case: json-unknown
-- schema: shop
-- name: Query :many
SELECT jsonb_object_agg(name, email) AS emails, to_jsonb(c) AS doc FROM customer c GROUP BY c.customer_id ORDER BY c.customer_id;

-- case: ranges-and-nets
-- name: Query :many
SELECT a_range, an_inet FROM everything;

-- case: timestamptz-string
-- config: { "timestamptz": "string" }
-- name: Query :many
SELECT a_timestamptz FROM everything WHERE a_timestamptz > @since;

-- case: unknown-literal
-- name: Query :one
SELECT 'x' AS x, NULL AS n, 1 AS i, 1.5 AS d, true AS b;
