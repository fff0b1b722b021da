-- name: Promote :many
WITH moved AS (
  UPDATE site SET phase = 'ready', former = phase WHERE phase = @from_phase RETURNING site_id, name, former
)
SELECT m.site_id, m.name, m.former, l.line
FROM moved AS m LEFT JOIN log_line AS l ON l.site_id = m.site_id
ORDER BY m.site_id, l.line;
