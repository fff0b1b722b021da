-- name: Titles :batch
SELECT title FROM product WHERE product_id = @product_id;
