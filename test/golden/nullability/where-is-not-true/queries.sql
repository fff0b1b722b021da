-- name: Query :many
SELECT email FROM customer WHERE (email = 'x') IS NOT TRUE;
