-- name: Query :many
SELECT email FROM customer WHERE NOT (email = 'x') ORDER BY email;
