-- name: Query :many
SELECT name AS a FROM customer UNION SELECT title FROM product;
