-- name: Query :many
SELECT count(*) AS n, 2 * quantity AS twice FROM order_line GROUP BY quantity;
