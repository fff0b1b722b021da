-- name: Query :many
SELECT * FROM customer FULL JOIN orders USING (customer_id);
