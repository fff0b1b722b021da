-- name: Query :many
SELECT customer_id, status, count(*) AS n FROM orders GROUP BY GROUPING SETS ((customer_id), (status), ());
