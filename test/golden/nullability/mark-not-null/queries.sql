-- name: Query :one
SELECT max(name) AS "last!" FROM customer;
