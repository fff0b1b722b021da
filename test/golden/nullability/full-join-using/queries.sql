-- name: Query :many
SELECT customer_id, name, status FROM customer FULL JOIN orders USING (customer_id);
