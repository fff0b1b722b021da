-- name: Query :many
SELECT name FROM customer WHERE customer_id NOT IN (sqlc.slice(ids)) ORDER BY name;
