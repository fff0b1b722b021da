-- name: Query :many
SELECT * FROM everything;
