-- name: A :many
SELECT id FROM a;
