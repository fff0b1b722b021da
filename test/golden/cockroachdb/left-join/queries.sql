-- name: Slots :many
SELECT m.name, s.number FROM machine AS m LEFT JOIN slot AS s ON s.machine_id = m.machine_id ORDER BY m.name, s.number;
