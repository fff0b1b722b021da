-- name: Query :one
WITH x AS (INSERT INTO customer (customer_id, name) VALUES (@id, @name) RETURNING customer_id, email) SELECT customer_id, email FROM x;
