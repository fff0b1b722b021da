-- name: Query :many
SELECT c AS row_of_customer FROM customer AS c;
