-- name: Quiet :exec
INSERT INTO log_line (line, level) VALUES (@line, @level) RETURNING NOTHING;

-- name: Put :exec
UPSERT INTO site (site_id, name, former, tags) VALUES (@site_id, @name, @former, @tags) RETURNING NOTHING;
