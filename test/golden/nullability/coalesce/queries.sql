-- name: Query :many
SELECT COALESCE(email, 'none') AS email, COALESCE(email, NULL) AS still FROM customer;
