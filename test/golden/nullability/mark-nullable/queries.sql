-- name: Query :many
SELECT name AS "name?" FROM customer;
