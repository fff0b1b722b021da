-- name: Before :many
SELECT s.name, s.former, l.line
FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id
AS OF SYSTEM TIME '-1us'
WHERE s.phase = @phase
ORDER BY s.name, l.line;
