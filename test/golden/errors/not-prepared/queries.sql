-- name: A :exec
BEGIN; SELECT;
