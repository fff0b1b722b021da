-- name: Query :many
SELECT name FROM customer WHERE name =@name ORDER BY name;
