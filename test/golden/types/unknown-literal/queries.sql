-- name: Query :one
SELECT 'x' AS x, NULL AS n, 1 AS i, 1.5 AS d, true AS b;
