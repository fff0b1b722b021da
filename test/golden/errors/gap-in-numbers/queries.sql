-- name: A :many
SELECT name FROM customer WHERE name = $2;
