-- name: Query :many
SELECT a_text FROM everything;
