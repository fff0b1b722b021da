-- name: Query :many
SELECT v.a FROM (VALUES (@a::INT4), (@b::INT4)) AS v (a);
