-- name: StreamDear :iter
SELECT product_id FROM product WHERE price > @price ORDER BY product_id;
