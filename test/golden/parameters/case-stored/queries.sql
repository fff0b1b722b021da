-- name: Query :exec
UPDATE orders SET note = CASE WHEN status = 'open' THEN @note ELSE NULL END WHERE order_id = @order_id;
