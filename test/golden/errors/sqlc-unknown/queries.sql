-- name: A :many
SELECT name FROM customer WHERE name = sqlc.var(name);
