-- name: GetName :one
SELECT name FROM customer WHERE customer_id = @customer_id;
