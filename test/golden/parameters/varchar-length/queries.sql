-- name: Query :exec
INSERT INTO product (product_id, title, price, tags) VALUES (@product_id, @title, @price, @tags);
