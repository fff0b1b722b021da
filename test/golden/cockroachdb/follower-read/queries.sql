-- name: Stale :many
SELECT m.name, m.serial, s.number FROM machine AS m LEFT JOIN slot AS s ON s.machine_id = m.machine_id
AS OF SYSTEM TIME follower_read_timestamp()
WHERE m.slots > @slots ORDER BY m.name, s.number;

-- name: AnHourAgo :many
SELECT * FROM machine AS OF SYSTEM TIME '-1h' ORDER BY machine_id;

-- name: Chosen :many
SELECT name FROM machine AS OF SYSTEM TIME '-1h'
WHERE true
  AND serial = @serial -- optional
ORDER BY name;
