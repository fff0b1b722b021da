-- name: DropOrder :exec
DELETE FROM orders WHERE order_id = @order_id RETURNING note;
