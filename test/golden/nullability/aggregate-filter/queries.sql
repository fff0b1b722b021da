-- name: Query :many
SELECT order_id, sum(quantity) FILTER (WHERE quantity > 1) AS big, count(*) FILTER (WHERE quantity > 1) AS n FROM order_line GROUP BY order_id ORDER BY order_id;
