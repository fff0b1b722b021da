-- name: Query :many
SELECT title FROM product WHERE tags @> @tags AND tags <@ ARRAY['iron'] ORDER BY product_id;
