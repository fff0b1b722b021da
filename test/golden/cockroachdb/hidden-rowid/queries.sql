-- name: Lines :many
SELECT * FROM log_line ORDER BY rowid;

-- name: LinesByRow :many
SELECT rowid, line, level FROM log_line WHERE rowid > @after ORDER BY rowid LIMIT 10;

-- name: AddLine :one
INSERT INTO log_line VALUES (@line, @level, @site_id) RETURNING rowid;
