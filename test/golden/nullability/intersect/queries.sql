-- name: Query :many
SELECT email AS a FROM customer INTERSECT SELECT name FROM customer;
