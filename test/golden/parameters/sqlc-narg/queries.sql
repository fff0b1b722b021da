-- name: Query :many
SELECT name FROM customer WHERE name = COALESCE(sqlc.narg(name), name) ORDER BY name;
