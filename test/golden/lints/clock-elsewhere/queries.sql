-- name: A :many
SELECT event_id FROM event WHERE at < now() ORDER BY event_id;
