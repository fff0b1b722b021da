-- name: A :many
SELECT id FROM lease WHERE small = big ORDER BY id;
