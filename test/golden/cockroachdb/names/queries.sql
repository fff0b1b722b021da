-- name: Shadowed :many
WITH site AS (SELECT site_id, former AS name FROM site) SELECT name FROM site ORDER BY site_id;

-- name: FullUsing :many
SELECT site_id, s.name, l.line FROM site AS s FULL JOIN log_line AS l USING (site_id) ORDER BY l.line, s.name;

-- name: Naturally :many
SELECT * FROM log_line NATURAL LEFT JOIN (SELECT site_id, former FROM site) AS f ORDER BY line;

-- name: Quoted :many
SELECT "Line".LINE AS "Said", "Line"."level" FROM public.log_line AS "Line" ORDER BY 1;

-- name: Outer :many
SELECT s.name, (SELECT name FROM log_line AS l WHERE l.site_id = s.site_id LIMIT 1) AS name_again FROM site AS s ORDER BY s.name;

-- name: Renamed :many
SELECT a, b, c FROM (VALUES (1, 'x', NULL), (2, 'y', 'z')) AS v (a, b, c) ORDER BY a;

-- name: Both :many
SELECT name, former FROM site UNION ALL SELECT line, NULL FROM log_line ORDER BY name;
