-- name: Query :many
SELECT name AS a FROM customer UNION ALL SELECT note FROM orders;
