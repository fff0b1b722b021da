-- name: Query :exec
INSERT INTO customer (customer_id, name, email) VALUES (@customer_id, @name, @email) ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, email = @email;
