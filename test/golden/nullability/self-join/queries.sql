-- name: Query :many
SELECT e.name, m.name AS manager FROM employee e LEFT JOIN employee m ON m.employee_id = e.manager_id ORDER BY e.name;
