-- name: Query :many
SELECT NULLIF(name, '') AS name FROM customer;
