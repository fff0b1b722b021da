-- name: A :many
SELECT name FROM customer ORDER BY created_at LIMIT 10;
