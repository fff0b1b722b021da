-- name: A :many
SELECT name
FROM customer -- order: name
;
