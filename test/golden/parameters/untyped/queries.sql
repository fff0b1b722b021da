-- name: Query :one
SELECT @x AS x;
