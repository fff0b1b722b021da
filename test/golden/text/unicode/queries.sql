-- name: Query :many
SELECT name AS "größe", '🐘' AS elephant FROM customer WHERE name = @name;
