-- name: StreamProducts :iter
SELECT product_id, title FROM product ORDER BY product_id;
