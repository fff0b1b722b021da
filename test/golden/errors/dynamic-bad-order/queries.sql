-- name: A :many
SELECT name
FROM customer
ORDER BY name -- order: name, colour
;
