-- name: Both :many
SELECT sqlc.embed(c), sqlc.embed(o) FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id;
