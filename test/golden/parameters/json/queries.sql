-- name: Query :exec
UPDATE product SET attributes = @attributes WHERE product_id = @product_id;
