-- name: Query :many
SELECT order_id, stddev(quantity) AS spread FROM order_line GROUP BY order_id ORDER BY order_id;
