-- name: Query :many
WITH x AS (SELECT * FROM customer) SELECT * FROM x;
