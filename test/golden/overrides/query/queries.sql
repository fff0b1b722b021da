-- name: Query :one
SELECT max(price) AS dearest FROM product;
