-- name: A :one
SELECT @x::INT4 + length(@x) AS x;
