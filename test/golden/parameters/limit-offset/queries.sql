-- name: Query :many
SELECT name FROM customer ORDER BY customer_id LIMIT @limit OFFSET @offset;
