-- name: Query :many
SELECT email, name FROM customer WHERE email IS NOT NULL ORDER BY email;
