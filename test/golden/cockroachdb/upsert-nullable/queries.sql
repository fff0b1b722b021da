-- name: Put :one
UPSERT INTO site (site_id, name, former, extra, tags) VALUES (@site_id, @name, @former, @extra, @tags)
RETURNING site_id, name, former, phase, slug;
