-- name: Query :many
SELECT product_id FROM product WHERE price > $1 AND price < $2 ORDER BY product_id;
