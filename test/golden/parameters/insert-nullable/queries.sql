-- name: Query :exec
INSERT INTO orders (order_id, customer_id, status, note, placed_at) VALUES (@order_id, @customer_id, @status, @note, @placed_at);
