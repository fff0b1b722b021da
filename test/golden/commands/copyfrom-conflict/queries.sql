-- name: AddMissing :copyfrom
INSERT INTO customer (customer_id, name, email) VALUES ($1, $2, $3) ON CONFLICT (customer_id) DO NOTHING;
