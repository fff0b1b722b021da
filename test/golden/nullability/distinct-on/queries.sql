-- name: Query :many
SELECT DISTINCT ON (team) team, name FROM employee ORDER BY team, name;
