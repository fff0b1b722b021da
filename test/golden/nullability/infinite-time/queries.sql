-- name: Query :many
SELECT created_at::TIME AS clock, created_at::DATE AS day, scale(price) AS digits FROM customer CROSS JOIN product;
