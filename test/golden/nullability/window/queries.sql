-- name: Query :many
SELECT name, row_number() OVER (ORDER BY name) AS n, lag(name) OVER (ORDER BY name) AS before, sum(salary) OVER (ORDER BY name) AS total, count(*) OVER () AS all FROM employee;
