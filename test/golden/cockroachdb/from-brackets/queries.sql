-- name: Put :one
SELECT site_id, name, phase FROM [UPSERT INTO site (site_id, name) VALUES (@site_id, @name) RETURNING site_id, name, phase, former];

-- name: PutFormer :one
SELECT former FROM [UPSERT INTO site (site_id, name) VALUES (@site_id, @name) RETURNING former];
