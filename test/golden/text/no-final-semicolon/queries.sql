-- name: A :many
SELECT name FROM customer
