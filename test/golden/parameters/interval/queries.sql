-- name: Query :many
SELECT name FROM customer WHERE created_at > now() - @age::INTERVAL ORDER BY name;
