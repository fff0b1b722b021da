-- name: Query :many
SELECT email FROM customer WHERE email LIKE '%@example.com' ORDER BY email;
