-- name: A :many
SELECT name FROM customer ORDER BY created_at, customer_id LIMIT 10;
