-- name: Search :many
SELECT s.name, l.line
FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id
WHERE true
  AND l.line = @line -- optional
  AND s.former = @former -- optional
ORDER BY s.name, l.line;
