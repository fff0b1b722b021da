-- name: Query :many
SELECT p.product_id, t.tag FROM product p, unnest(p.tags) AS t (tag);
