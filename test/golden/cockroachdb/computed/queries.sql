-- name: Slugs :many
SELECT slug, short FROM site WHERE slug = @slug ORDER BY site_id;

-- name: Create :one
INSERT INTO site (name) VALUES (@name) RETURNING site_id, slug, short;
