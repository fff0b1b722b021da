-- name: A :many
SELECT name FROM customer WHERE name = $1 AND email = @email;
