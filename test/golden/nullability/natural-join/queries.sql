-- name: Query :many
SELECT customer_id, name, status FROM customer NATURAL JOIN orders;
