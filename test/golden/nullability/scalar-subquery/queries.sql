-- name: Query :one
SELECT (SELECT o.status FROM orders o LIMIT 1) AS maybe, (SELECT count(*) FROM orders) AS n, (SELECT max(note) FROM orders) AS note;
