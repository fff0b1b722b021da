-- name: Query :many
SELECT status, count(*) AS n FROM orders GROUP BY ROLLUP (status);
