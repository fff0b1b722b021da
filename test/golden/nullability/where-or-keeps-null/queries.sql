-- name: Query :many
SELECT email FROM customer WHERE email = 'a' OR name = 'b' ORDER BY email;
