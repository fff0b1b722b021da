-- name: PriceOf :one
SELECT price FROM product WHERE product_id = @product_id;

-- name: SetPrice :exec
UPDATE product SET price = @price WHERE product_id = @product_id;
