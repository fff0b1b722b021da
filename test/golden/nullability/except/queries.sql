-- name: Query :many
SELECT name AS a FROM customer EXCEPT SELECT email FROM customer;
