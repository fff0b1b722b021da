-- name: Query :many
SELECT name || email AS both, name || '!' AS loud, concat(name, email) AS joined, concat_ws(' ', name, email) AS spaced FROM customer;
