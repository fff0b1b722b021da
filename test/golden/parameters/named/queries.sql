-- name: Query :many
SELECT name FROM customer WHERE name = @name OR email = @name ORDER BY name;
