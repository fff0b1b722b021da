-- name: Query :many
SELECT email FROM customer WHERE email IN ('a', 'b') ORDER BY email;
