-- name: A :many
SELECT order_id FROM orders WHERE note = @note ORDER BY order_id FOR UPDATE;
