-- name: Query :many
WITH RECURSIVE r AS (SELECT 1 AS n, 1 AS a, NULL::INT4 AS b UNION ALL SELECT r.n + 1, r.b, r.a FROM r WHERE r.n < 4) SELECT n, a, b FROM r ORDER BY n;
