-- name: FindName :maybe
SELECT name FROM customer WHERE customer_id = @customer_id;
