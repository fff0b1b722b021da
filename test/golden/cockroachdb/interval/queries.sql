-- name: Leases :many
SELECT lease, grace, lease + grace AS both, lease * 2 AS twice FROM site WHERE lease > @least ORDER BY site_id;

-- name: SetGrace :exec
UPDATE site SET grace = @grace, lease = @lease WHERE site_id = @site_id;
