-- name: DropSome :many
DELETE FROM log_line WHERE level < @level ORDER BY rowid LIMIT 10 RETURNING line, level, site_id;

-- name: Touch :many
UPDATE site SET seats = seats + 1 WHERE phase = 'ready' ORDER BY site_id LIMIT 5 RETURNING site_id, former;
