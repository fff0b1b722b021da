-- name: Shapes :many
SELECT jsonb_build_object(
  'id', machine_id, 'seen', seen_at, 'slots', slots, 'half', slots / 2, 'name', name, 'serial', serial, 'firmware', firmware,
  'day', seen_at::DATE, 'large', 9007199254740993, 'weight', 1.50::DECIMAL(10, 2), 'on', name = 'a', 'ratio', 0.5::FLOAT8
) AS machine FROM machine ORDER BY machine_id;

-- name: Agg :many
SELECT m.name, jsonb_agg(jsonb_build_object('number', s.number, 'content', s.content)) AS slots
FROM machine AS m LEFT JOIN slot AS s ON s.machine_id = m.machine_id GROUP BY m.machine_id, m.name ORDER BY m.machine_id;
