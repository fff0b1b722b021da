-- name: Query :many
SELECT name = 'a' AND email = 'b' AS both, name = 'a' OR name = 'b' AS either FROM customer;
