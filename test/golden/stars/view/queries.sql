-- name: Query :many
SELECT * FROM customer_order;
