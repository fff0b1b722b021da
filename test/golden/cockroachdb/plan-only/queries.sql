-- name: Weights :many
SELECT name, former, weight IS NAN AS odd, seats FROM site WHERE ratio IS NOT NAN ORDER BY site_id;

-- name: Joined :many
SELECT s.name, l.line, (s.ratio IS NAN) AS odd FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id ORDER BY s.name, l.line;

-- name: Insert :one
INSERT INTO site (name, former, ratio) VALUES (@name, @former, @ratio) RETURNING site_id, former, weight IS NAN AS odd;

-- name: Of :many
SELECT former FROM site WHERE ratio IS NAN AND now() > '2026-01-01' ORDER BY site_id;
