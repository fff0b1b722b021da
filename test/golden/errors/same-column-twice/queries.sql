-- name: A :many
SELECT c.name, c.name FROM customer c;
