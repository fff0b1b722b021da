-- name: A :many
SELECT event_id FROM event WHERE what = @what ORDER BY event_id;
