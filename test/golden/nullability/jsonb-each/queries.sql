-- name: Query :many
SELECT e.key, e.value FROM product p, jsonb_each(p.attributes) AS e;
