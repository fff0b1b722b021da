-- name: Add :one
INSERT INTO machine (name, slots, seen_at) VALUES (@name, @slots, now()) RETURNING machine_id, serial;
