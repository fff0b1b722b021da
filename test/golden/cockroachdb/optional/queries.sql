-- name: Find :many
SELECT name
FROM machine
WHERE true
  AND name = @name -- optional
ORDER BY machine_id;
