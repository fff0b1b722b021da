-- name: Query :many
SELECT product_id, unnest(tags) AS tag FROM product;
