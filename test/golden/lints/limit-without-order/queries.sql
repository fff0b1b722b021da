-- name: A :many
SELECT name FROM customer LIMIT 10;
