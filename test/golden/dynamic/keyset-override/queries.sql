-- name: PageEvents :many
SELECT event_id, at FROM event WHERE true
  AND (at, event_id) > (@after, @after_id) -- optional
ORDER BY at, event_id LIMIT 2;
