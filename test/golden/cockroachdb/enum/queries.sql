-- name: ByPhase :many
SELECT site_id, phase, former, phase::STRING AS word FROM site WHERE phase = ANY(@phases) ORDER BY site_id;

-- name: SetPhase :exec
UPDATE site SET phase = @phase, former = @former WHERE site_id = @site_id;
