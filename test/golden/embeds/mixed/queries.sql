-- name: Query :many
SELECT l.quantity, sqlc.embed(p), l.discount FROM order_line l JOIN product p ON p.product_id = l.product_id;
