-- name: A :many
-- lint:ignore HL001
SELECT name FROM customer LIMIT 10;
