-- name: First :one
SELECT 1::INT8 AS x;

-- name: Second :many
SELECT name FROM customer ORDER BY name;

-- name: Third :exec
UPDATE orders SET note = NULL WHERE status = 'open';
