-- name: Query :many
SELECT o.note FROM orders o JOIN customer c ON c.name = o.note ORDER BY o.note;
