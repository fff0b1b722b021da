-- name: A :many
SELECT nam FROM machine;
