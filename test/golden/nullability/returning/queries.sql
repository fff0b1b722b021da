-- name: Query :one
INSERT INTO customer (customer_id, name) VALUES (@id, @name) RETURNING customer_id, name, email, created_at;
