-- name: A :many
SELECT name FROM customer WHERE name = @a_b AND email = @aB;
