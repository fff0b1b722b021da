-- name: DropMany :batch
DELETE FROM order_line WHERE order_id = @order_id;
