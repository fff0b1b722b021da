-- name: Query :one
SELECT (SELECT count(*) FROM orders HAVING count(*) > 100) AS n;
