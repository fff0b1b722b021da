-- name: Query :many
SELECT email FROM customer WHERE COALESCE(email, 'x') = 'x' ORDER BY email;
