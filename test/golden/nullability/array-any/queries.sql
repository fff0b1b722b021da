-- name: Query :many
SELECT 'x' = ANY(tags) AS has FROM product;
