-- This file holds queries.

-- name: A :many
SELECT name FROM customer;
