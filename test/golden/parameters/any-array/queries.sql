-- name: Query :many
SELECT title FROM product WHERE product_id = ANY(@ids::INT8[]) ORDER BY product_id;
