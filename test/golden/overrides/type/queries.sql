-- name: Query :many
SELECT price, discount FROM product JOIN order_line USING (product_id);
