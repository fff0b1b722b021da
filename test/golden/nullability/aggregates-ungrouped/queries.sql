-- name: Query :one
SELECT sum(quantity) AS sum, max(quantity) AS max, array_agg(quantity) AS all, bool_and(quantity > 0) AS positive FROM order_line;
