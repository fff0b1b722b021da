-- name: Query :many
SELECT name, email FROM customer;
