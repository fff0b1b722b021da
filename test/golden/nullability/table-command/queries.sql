-- name: Query :many
SELECT * FROM customer WHERE false;
