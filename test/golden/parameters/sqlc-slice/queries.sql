-- name: Query :many
SELECT name FROM customer WHERE customer_id IN (sqlc.slice(ids)) ORDER BY name;
