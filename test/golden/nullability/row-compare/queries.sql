-- name: Query :many
SELECT (name, email) < (name, name) AS less FROM customer;
