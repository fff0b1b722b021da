-- name: Query :many
(SELECT name AS a FROM customer UNION ALL SELECT title FROM product) UNION ALL SELECT NULL;
