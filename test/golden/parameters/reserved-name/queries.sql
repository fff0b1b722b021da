-- name: Query :many
SELECT name FROM customer WHERE name = @class ORDER BY name;
