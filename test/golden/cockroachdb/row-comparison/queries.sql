-- name: Page :many
SELECT name, (seats, former) < (10, @former) AS before FROM site WHERE (name, site_id) > (@name, @site_id) ORDER BY name, site_id LIMIT 10;
