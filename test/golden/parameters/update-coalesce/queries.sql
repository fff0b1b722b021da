-- name: Query :execrows
UPDATE customer SET name = COALESCE(@name, name) WHERE customer_id = @customer_id;
