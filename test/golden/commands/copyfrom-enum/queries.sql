-- name: AddOrders :copyfrom
INSERT INTO orders (order_id, customer_id, status, note) VALUES (@order_id, @customer_id, @status, 'new');
