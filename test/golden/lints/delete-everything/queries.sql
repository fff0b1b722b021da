-- name: A :execrows
DELETE FROM order_line;
