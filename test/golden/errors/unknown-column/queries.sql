-- name: A :many
SELECT nam FROM customer;
