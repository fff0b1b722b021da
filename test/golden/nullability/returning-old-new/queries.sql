-- name: Query :one
INSERT INTO customer (customer_id, name) VALUES (@id, @name) ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name RETURNING old.name AS before, new.name AS after;
