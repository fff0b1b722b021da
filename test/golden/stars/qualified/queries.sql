-- name: Query :many
SELECT o.*, c.name FROM orders o JOIN customer c USING (customer_id) ORDER BY o.order_id;
