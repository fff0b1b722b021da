-- name: Query :many
SELECT product_id, title FROM product WHERE product_id = @product_id;
