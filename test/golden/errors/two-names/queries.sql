-- name: A :one
-- name: B :one
SELECT 1 AS x;
