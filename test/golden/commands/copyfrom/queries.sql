-- name: AddCustomers :copyfrom
INSERT INTO customer (customer_id, name, email) VALUES (@customer_id, @name, @email);
