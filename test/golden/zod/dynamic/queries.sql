-- name: Find :many
SELECT title
FROM product
WHERE true
  AND price > @price -- optional
ORDER BY title;
