-- name: Query :many
SELECT order_id, sum(quantity) AS sum, max(discount) AS max, array_agg(quantity) AS all, avg(quantity) AS mean FROM order_line GROUP BY order_id ORDER BY order_id;
