-- name: Lock :one
SELECT site_id, seats FROM site WHERE site_id = @site_id FOR UPDATE;

-- name: LockNow :many
SELECT site_id, seats, former FROM site WHERE phase = 'ready' ORDER BY site_id FOR UPDATE NOWAIT;
