-- name: Slots :many
SELECT m.name, s.number, s.content FROM machine AS m JOIN slot AS s ON s.machine_id = m.machine_id ORDER BY m.name, s.number;
