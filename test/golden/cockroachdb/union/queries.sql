-- name: Both :many
SELECT name FROM machine UNION ALL SELECT serial FROM machine;
