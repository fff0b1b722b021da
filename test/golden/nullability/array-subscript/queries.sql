-- name: Query :many
SELECT tags[1] AS first, cardinality(tags) AS n, array_length(tags, 1) AS len FROM product;
