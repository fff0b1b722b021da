-- name: Wide :many
SELECT product_id
FROM product
WHERE true
  AND product_id <> @p0 -- optional
  AND product_id <> @p1 -- optional
  AND product_id <> @p2 -- optional
  AND product_id <> @p3 -- optional
  AND product_id <> @p4 -- optional
  AND product_id <> @p5 -- optional
  AND product_id <> @p6 -- optional
  AND product_id <> @p7 -- optional
ORDER BY product_id;
