-- name: Query :many
SELECT r.a, r.b FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (a, b);
