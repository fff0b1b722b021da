-- name: Query :many
SELECT o.note, c.name FROM orders o LEFT JOIN customer c ON c.name = o.note;
