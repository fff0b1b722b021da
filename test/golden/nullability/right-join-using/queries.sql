-- name: Query :many
SELECT customer_id, name, status FROM customer RIGHT JOIN orders USING (customer_id);
