-- name: Text :many
SELECT name FROM customer;
-- name: Uuid :many
SELECT customer_id FROM customer;
