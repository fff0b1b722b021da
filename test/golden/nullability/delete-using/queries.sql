-- name: Query :many
DELETE FROM order_line AS l USING orders AS o WHERE o.order_id = l.order_id RETURNING l.order_id, l.discount, o.note;
