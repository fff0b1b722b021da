-- name: Query :many
SELECT title FROM product WHERE product_id = ANY(@ids) ORDER BY product_id;
