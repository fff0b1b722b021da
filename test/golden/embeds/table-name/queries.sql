-- name: Query :many
SELECT sqlc.embed(customer) FROM customer;
