-- name: Put :exec
UPSERT INTO machine (machine_id, name, slots, seen_at) VALUES (@machine_id, @name, @slots, now());
