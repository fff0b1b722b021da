-- name: Query :many
SELECT a_percent FROM everything WHERE a_percent > @percent;
