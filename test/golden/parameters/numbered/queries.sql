-- name: Query :maybe
SELECT name FROM customer WHERE customer_id = $1 AND created_at > $2;
