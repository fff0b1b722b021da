-- name: A :execrows
UPDATE product SET price = price * 2;
