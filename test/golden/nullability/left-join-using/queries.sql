-- name: Query :many
SELECT customer_id, name, status FROM customer LEFT JOIN orders USING (customer_id);
