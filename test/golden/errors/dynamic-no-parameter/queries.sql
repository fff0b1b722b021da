-- name: A :many
SELECT name
FROM customer
WHERE true
  AND email IS NULL -- optional
ORDER BY name;
