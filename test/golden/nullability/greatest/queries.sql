-- name: Query :many
SELECT greatest(email, name) AS one, greatest(email, email) AS none FROM customer;
