-- name: Query :one
SELECT $1::INT8 + $2::INT8 AS sum;
