-- name: A
SELECT 1 AS x;
