-- name: A :many
SELECT quantity FROM order_line WHERE order_id = @order_id ORDER BY product_id LIMIT 10;
