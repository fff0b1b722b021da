-- name: A :many
SELECT *
FROM customer
WHERE true
  AND name = @name -- optional
;
