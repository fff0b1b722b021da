-- name: A :one
SELECT 'x AS x;
