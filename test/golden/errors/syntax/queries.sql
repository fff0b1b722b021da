-- name: A :many
SELECT name FORM customer;
