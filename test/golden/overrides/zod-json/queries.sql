-- name: AttributesOf :many
SELECT product_id, attributes FROM product ORDER BY product_id;

-- name: SetAttributes :exec
UPDATE product SET attributes = @attributes WHERE product_id = @product_id;
