-- name: Query :many
SELECT c.name, COALESCE((SELECT jsonb_agg(jsonb_build_object('id', o.order_id, 'note', o.note)) FROM orders o WHERE o.customer_id = c.customer_id), '[]') AS orders FROM customer c ORDER BY c.name;
