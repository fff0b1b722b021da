-- name: OrdersOf :batchmany
SELECT order_id FROM orders WHERE customer_id = @customer_id ORDER BY order_id;
