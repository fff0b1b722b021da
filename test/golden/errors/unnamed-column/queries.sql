-- name: A :one
SELECT 1 + 1;
