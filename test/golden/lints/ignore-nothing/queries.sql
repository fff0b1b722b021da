-- name: A :many
-- lint:ignore HL001 once it had a limit
SELECT name FROM customer;
