-- name: Query :many
SELECT attributes -> 'a' AS a, attributes ->> 'b' AS b, jsonb_typeof(attributes) AS kind FROM product WHERE attributes IS NOT NULL;
