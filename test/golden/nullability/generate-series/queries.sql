-- name: Query :many
SELECT g AS n FROM generate_series(1, 3) AS g;
