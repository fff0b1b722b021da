-- name: Query :many
SELECT * FROM customer JOIN orders USING (customer_id);
