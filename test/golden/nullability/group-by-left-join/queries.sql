-- name: Query :many
SELECT c.customer_id, max(o.order_id::TEXT) AS last, count(o.order_id) AS n FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id GROUP BY c.customer_id ORDER BY c.customer_id;
