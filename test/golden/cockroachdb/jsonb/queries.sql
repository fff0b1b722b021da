-- name: Details :many
SELECT detail, extra, detail->'a' AS inner_value, detail->>'a' AS inner_text, jsonb_typeof(detail) AS kind
FROM site WHERE detail @> @filter ORDER BY site_id;

-- name: Built :many
SELECT jsonb_build_object('name', name, 'seats', seats, 'former', former, 'lines', (
  SELECT COALESCE(jsonb_agg(jsonb_build_object('line', l.line, 'level', l.level)), '[]') FROM log_line AS l WHERE l.site_id = s.site_id
)) AS site FROM site AS s ORDER BY site_id;

-- name: SetExtra :exec
UPDATE site SET extra = @extra WHERE site_id = @site_id;
