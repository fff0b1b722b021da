-- name: FindProducts :many
-- Products, by whatever is asked for.
SELECT product_id, title
FROM product
WHERE true
  AND price >= @min_price -- optional
  AND title = @title      -- optional
ORDER BY product_id;
