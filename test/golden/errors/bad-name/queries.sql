-- name: 1st :one
SELECT 1 AS x;
