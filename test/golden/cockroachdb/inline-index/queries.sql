-- name: ByName :maybe
SELECT site_id, name, phase, seats FROM site WHERE name = @name;

-- name: NotGone :many
SELECT site_id, name FROM site WHERE phase != 'gone' ORDER BY phase, site_id;
