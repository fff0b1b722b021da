-- name: A :maybe
SELECT order_id FROM orders WHERE order_id = @order_id FOR UPDATE;
