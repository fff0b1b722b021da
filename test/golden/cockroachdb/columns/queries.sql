-- name: Machines :many
SELECT machine_id, name, serial, firmware, slots, seen_at FROM machine ORDER BY machine_id;
