-- name: Query :many
WITH x AS MATERIALIZED (SELECT name FROM customer) SELECT name FROM x ORDER BY name;
