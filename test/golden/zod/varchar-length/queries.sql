-- name: Retitle :exec
UPDATE product SET title = @title WHERE product_id = @product_id;
