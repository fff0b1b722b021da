-- name: Query :one
SELECT current_date AS d, current_user AS u, current_schema AS s, current_timestamp AS t;
