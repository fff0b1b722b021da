-- name: Prices :batchone
SELECT price FROM product WHERE product_id = @product_id;
