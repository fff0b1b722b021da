-- name: Query :many
WITH x AS (SELECT name, email FROM customer) SELECT name, email FROM x ORDER BY name;
