-- name: A :many
SELECT nam FROM customer;

-- name: B :many
SELECT name FROM custome;

-- name: C :one
SELECT 1 AS x;
