-- name: Query :many
SELECT an_address FROM everything;
