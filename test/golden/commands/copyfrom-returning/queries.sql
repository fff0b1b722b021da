-- name: AddCustomers :copyfrom
INSERT INTO customer (customer_id, name) VALUES (@customer_id, upper(@name::TEXT)) RETURNING customer_id, created_at;
