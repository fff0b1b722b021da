-- name: Query :many
WITH RECURSIVE up AS (SELECT employee_id, name, manager_id, 1 AS depth FROM employee WHERE employee_id = @id UNION ALL SELECT e.employee_id, e.name, e.manager_id, up.depth + 1 FROM employee e JOIN up ON up.manager_id = e.employee_id) SELECT employee_id, name, manager_id, depth FROM up ORDER BY depth;
