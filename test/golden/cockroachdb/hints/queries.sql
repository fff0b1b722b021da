-- name: Forced :many
SELECT site_id, name, former FROM site@{FORCE_INDEX=site_name} WHERE name = @name;

-- name: LookedUp :many
SELECT s.name, l.line FROM log_line AS l INNER LOOKUP JOIN site AS s ON l.site_id = s.site_id ORDER BY l.line;

-- name: Hashed :many
SELECT s.name, l.line, l.level FROM log_line AS l LEFT HASH JOIN site@site_pkey AS s ON l.site_id = s.site_id
ORDER BY l.line;
