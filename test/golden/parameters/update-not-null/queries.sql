-- name: Query :execrows
UPDATE customer SET name = @name WHERE customer_id = @customer_id;
