-- name: Query :many
SELECT customer_id, name, email, created_at, status, note, placed_at, order_id FROM customer JOIN orders USING (customer_id);
