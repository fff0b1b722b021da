-- name: Query :many
SELECT o.customer_id, json_agg(o.note) AS notes, json_agg(o.order_id) AS ids FROM orders o GROUP BY o.customer_id ORDER BY o.customer_id;
