-- name: Query :many
SELECT * FROM customer ORDER BY name;
