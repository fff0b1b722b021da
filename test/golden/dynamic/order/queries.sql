-- name: ListProducts :many
SELECT product_id, title
FROM product
ORDER BY title, product_id -- order: title, price, newest = product_id
LIMIT @limit -- optional
;
