-- name: A :one
SELECT 1 AS x

-- name: B :one
SELECT 2 AS y;
