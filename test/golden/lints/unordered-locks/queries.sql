-- name: A :many
SELECT order_id FROM orders WHERE note = @note FOR UPDATE;
