-- name: Query :exec
INSERT INTO customer (customer_id, name, email) VALUES (@a, 'A', @email), (@b, 'B', @email);
