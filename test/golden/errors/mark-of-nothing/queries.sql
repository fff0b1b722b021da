-- name: A :many
SELECT name FROM (SELECT name AS "x!" FROM customer) AS s (name);
