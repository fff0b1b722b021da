-- name: Query :many
SELECT quantity * 2 AS twice, quantity - discount AS less FROM order_line;
