-- name: A :copyfrom
INSERT INTO product (product_id, title, price, tags) VALUES (@a, @b, @c, @d);
