-- name: Query :many
SELECT name, email FROM customer ORDER BY name;
