-- name: A :many
SELECT name FROM customer WHERE name = sqlc.arg();
