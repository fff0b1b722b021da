-- name: Add :one
INSERT INTO orders (order_id, customer_id, status, note) VALUES (@order_id, @customer_id, @status, @note) RETURNING order_id, status, placed_at;
