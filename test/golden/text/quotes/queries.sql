-- name: Query :many
SELECT name AS "it's" FROM customer WHERE name = 'it''s';
