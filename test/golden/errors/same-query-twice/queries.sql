-- name: A :many
SELECT name FROM customer;
-- name: a :many
SELECT email FROM customer;
