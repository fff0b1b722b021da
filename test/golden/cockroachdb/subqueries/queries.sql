-- name: Counts :many
SELECT s.name,
  (SELECT count(*) FROM log_line AS l WHERE l.site_id = s.site_id) AS lines,
  (SELECT max(l.level) FROM log_line AS l WHERE l.site_id = s.site_id) AS highest,
  EXISTS (SELECT 1 FROM log_line AS l WHERE l.site_id = s.site_id) AS any_line,
  ARRAY(SELECT l.line FROM log_line AS l WHERE l.site_id = s.site_id ORDER BY l.line) AS texts
FROM site AS s ORDER BY s.name;

-- name: Totals :many
SELECT s.phase, count(*) AS how_many, sum(s.seats) AS seats, sum_int(s.seats) AS whole, avg(s.ratio) AS ratio, array_agg(s.name) AS names
FROM site AS s GROUP BY s.phase ORDER BY s.phase;

-- name: Laterals :many
SELECT s.name, newest.line FROM site AS s
LEFT JOIN LATERAL (SELECT l.line FROM log_line AS l WHERE l.site_id = s.site_id ORDER BY l.line LIMIT 1) AS newest ON true
ORDER BY s.name;

-- name: Numbered :many
WITH RECURSIVE step (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM step WHERE n < 3)
SELECT n, row_number() OVER (ORDER BY n) AS place FROM step ORDER BY n;
