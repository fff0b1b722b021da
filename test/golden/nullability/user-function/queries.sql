-- name: Query :many
SELECT current_setting('nope', true) AS setting, to_char(created_at, 'YYYY') AS year, extract(year FROM created_at) AS y, extract(day FROM created_at) AS d FROM customer;
