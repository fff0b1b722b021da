-- name: A :many
SELECT what FROM event WHERE event_id > @after ORDER BY event_id;
