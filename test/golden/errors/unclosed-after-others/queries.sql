-- name: A :one
SELECT nope FROM customer;

-- name: B :one
SELECT 'a;
