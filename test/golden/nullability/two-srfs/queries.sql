-- name: Query :many
SELECT generate_series(1, 2) AS a, generate_series(1, 3) AS b;
