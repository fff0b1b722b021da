-- name: ListProducts :many
SELECT product_id, title
FROM product
ORDER BY product_id
LIMIT @limit; -- optional

-- name: Other :many
SELECT title FROM product;
