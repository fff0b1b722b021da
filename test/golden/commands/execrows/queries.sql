-- name: DoublePrice :execrows
UPDATE product SET price = price * 2 WHERE product_id = @id;
