-- name: Query :many
SELECT DISTINCT email, name FROM customer ORDER BY name;
