-- name: Query :many
SELECT * FROM customer c JOIN product p ON p.title = c.name;
