-- name: ListNames :many
SELECT name FROM customer ORDER BY name;
