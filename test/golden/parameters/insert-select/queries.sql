-- name: Query :execrows
INSERT INTO orders (order_id, customer_id, status, note) SELECT @order_id, customer_id, @status, @note FROM customer WHERE name = @name;
