-- name: Query :many
SELECT * FROM (SELECT name, email FROM customer) AS s;
