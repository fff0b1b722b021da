-- name: Query :many
SELECT a_range, an_inet FROM everything;
