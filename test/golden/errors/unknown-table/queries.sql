-- name: A :many
SELECT name FROM customers;
