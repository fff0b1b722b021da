-- name: Query :many
SELECT name FROM customer WHERE name = sqlc.arg(wanted_name) AND created_at >= sqlc.arg('since') ORDER BY name;
