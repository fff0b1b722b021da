-- name: Query :many
SELECT customer_id, name, order_id, status FROM customer_order;
