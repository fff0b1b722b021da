-- name: A :some
SELECT 1 AS x;
