-- name: Shared :many
SELECT product_id
FROM product
WHERE product_id > @floor
  AND price > @floor -- optional
ORDER BY product_id;
