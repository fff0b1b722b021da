-- schema: cockroach-site

-- case: annotated
-- name: Annotated :many
SELECT name, seats:::INT4 AS seats, COALESCE(former, 'new':::phase) AS former FROM site WHERE name = @name:::STRING ORDER BY site_id;

-- case: any
-- schema: cockroach-machine
-- name: Some :many
SELECT name FROM machine WHERE machine_id = ANY(@ids::UUID[]) ORDER BY machine_id;

-- case: array
-- name: Tags :many
SELECT tags, ports, tags || ARRAY['z'] AS more, array_append(ports, 1) AS grown, array_length(ports, 1) AS how_many
FROM site WHERE tags @> @tags OR ports && @ports ORDER BY site_id;

-- name: SetPorts :exec
UPDATE site SET ports = @ports, tags = @tags WHERE site_id = @site_id;

-- case: as-of-system-time
-- schema: cockroach-machine
-- name: Old :many
SELECT name FROM machine AS OF SYSTEM TIME '-1us' ORDER BY machine_id;

-- case: bytes
-- name: Image :one
SELECT image, length(image) AS size, encode(image, 'hex') AS hex, sha256(image) AS digest FROM site WHERE site_id = @site_id;

-- name: SetImage :execrows
UPDATE site SET image = @image WHERE site_id = @site_id AND image != b'\xff';

-- case: columns
-- schema: cockroach-machine
-- name: Machines :many
SELECT machine_id, name, serial, firmware, slots, seen_at FROM machine ORDER BY machine_id;

-- case: computed
-- name: Slugs :many
SELECT slug, short FROM site WHERE slug = @slug ORDER BY site_id;

-- name: Create :one
INSERT INTO site (name) VALUES (@name) RETURNING site_id, slug, short;

-- case: copyfrom
-- schema: cockroach-machine
-- name: AddMany :copyfrom
INSERT INTO machine (machine_id, name, slots, seen_at) VALUES (@machine_id, @name, @slots, now());

-- case: cte-update-returning
-- name: Promote :many
WITH moved AS (
  UPDATE site SET phase = 'ready', former = phase WHERE phase = @from_phase RETURNING site_id, name, former
)
SELECT m.site_id, m.name, m.former, l.line
FROM moved AS m LEFT JOIN log_line AS l ON l.site_id = m.site_id
ORDER BY m.site_id, l.line;

-- case: division-is-decimal
-- schema: cockroach-machine
-- name: Half :many
SELECT slots / 2 AS half FROM machine ORDER BY machine_id;

-- case: enum
-- name: ByPhase :many
SELECT site_id, phase, former, phase::STRING AS word FROM site WHERE phase = ANY(@phases) ORDER BY site_id;

-- name: SetPhase :exec
UPDATE site SET phase = @phase, former = @former WHERE site_id = @site_id;

-- case: error
-- schema: cockroach-machine
-- name: A :many
SELECT nam FROM machine;

-- case: expressions
-- name: Expressions :many
SELECT
  seats // 2 AS pairs,
  seats / 2 AS halves,
  seats % 2 AS odd,
  weight * 2 AS doubled,
  ratio + 1 AS above,
  IF(seats > 0, name, slug) AS shown,
  IFNULL(ratio, 0) AS known,
  COALESCE(former, phase) AS either,
  NULLIF(seats, 0) AS some,
  greatest(seats, 1) AS most,
  name ILIKE 'a%' AS early,
  concat(short, '!') AS loud,
  split_part(name, 'd', 1) AS head,
  CASE WHEN seats > 3 THEN 'large' ELSE 'small' END AS size
FROM site ORDER BY site_id;

-- case: follower-read
-- schema: cockroach-machine
-- name: Stale :many
SELECT m.name, m.serial, s.number FROM machine AS m LEFT JOIN slot AS s ON s.machine_id = m.machine_id
AS OF SYSTEM TIME follower_read_timestamp()
WHERE m.slots > @slots ORDER BY m.name, s.number;

-- name: AnHourAgo :many
SELECT * FROM machine AS OF SYSTEM TIME '-1h' ORDER BY machine_id;

-- name: Chosen :many
SELECT name FROM machine AS OF SYSTEM TIME '-1h'
WHERE true
  AND serial = @serial -- optional
ORDER BY name;

-- case: for-update
-- name: Lock :one
SELECT site_id, seats FROM site WHERE site_id = @site_id FOR UPDATE;

-- name: LockNow :many
SELECT site_id, seats, former FROM site WHERE phase = 'ready' ORDER BY site_id FOR UPDATE NOWAIT;

-- case: from-brackets
-- name: Put :one
SELECT site_id, name, phase FROM [UPSERT INTO site (site_id, name) VALUES (@site_id, @name) RETURNING site_id, name, phase, former];

-- name: PutFormer :one
SELECT former FROM [UPSERT INTO site (site_id, name) VALUES (@site_id, @name) RETURNING former];

-- case: functions-apart
-- name: Apart :many
SELECT
  array_position(tags, 'a') AS place,
  jsonb_extract_path_text(detail, 'a') AS inside,
  regexp_extract(name, 'z') AS found,
  strpos(name, 'd') AS spot,
  unique_rowid() AS row_number,
  cluster_logical_timestamp() AS at,
  gen_random_uuid() AS fresh
FROM site ORDER BY site_id;

-- case: hidden-rowid
-- name: Lines :many
SELECT * FROM log_line ORDER BY rowid;

-- name: LinesByRow :many
SELECT rowid, line, level FROM log_line WHERE rowid > @after ORDER BY rowid LIMIT 10;

-- name: AddLine :one
INSERT INTO log_line VALUES (@line, @level, @site_id) RETURNING rowid;

-- case: hints
-- name: Forced :many
SELECT site_id, name, former FROM site@{FORCE_INDEX=site_name} WHERE name = @name;

-- name: LookedUp :many
SELECT s.name, l.line FROM log_line AS l INNER LOOKUP JOIN site AS s ON l.site_id = s.site_id ORDER BY l.line;

-- name: Hashed :many
SELECT s.name, l.line, l.level FROM log_line AS l LEFT HASH JOIN site@site_pkey AS s ON l.site_id = s.site_id
ORDER BY l.line;

-- case: history
-- name: Before :many
SELECT s.name, s.former, l.line
FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id
AS OF SYSTEM TIME '-1us'
WHERE s.phase = @phase
ORDER BY s.name, l.line;

-- case: index-hint
-- schema: cockroach-machine
-- name: ByName :many
SELECT name, slots FROM machine@machine_name WHERE name = @name ORDER BY machine_id;

-- case: inline-index
-- name: ByName :maybe
SELECT site_id, name, phase, seats FROM site WHERE name = @name;

-- name: NotGone :many
SELECT site_id, name FROM site WHERE phase != 'gone' ORDER BY phase, site_id;

-- case: inner-join
-- schema: cockroach-machine
-- name: Slots :many
SELECT m.name, s.number, s.content FROM machine AS m JOIN slot AS s ON s.machine_id = m.machine_id ORDER BY m.name, s.number;

-- case: insert-nullable
-- name: Add :one
INSERT INTO site (name, former, grace, ratio, extra) VALUES (@name, @former, @grace, @ratio, @extra) RETURNING *;

-- name: AddTwo :execrows
INSERT INTO log_line (line, level) VALUES (@first, @first_level), (@second, @second_level);

-- name: AddOnce :maybe
INSERT INTO site (name, ratio) VALUES (@name, @ratio) ON CONFLICT (name) DO UPDATE SET ratio = excluded.ratio, seats = site.seats + 1
RETURNING site_id, seats, ratio;

-- case: interval
-- name: Leases :many
SELECT lease, grace, lease + grace AS both, lease * 2 AS twice FROM site WHERE lease > @least ORDER BY site_id;

-- name: SetGrace :exec
UPDATE site SET grace = @grace, lease = @lease WHERE site_id = @site_id;

-- case: jsonb
-- name: Details :many
SELECT detail, extra, detail->'a' AS inner_value, detail->>'a' AS inner_text, jsonb_typeof(detail) AS kind
FROM site WHERE detail @> @filter ORDER BY site_id;

-- name: Built :many
SELECT jsonb_build_object('name', name, 'seats', seats, 'former', former, 'lines', (
  SELECT COALESCE(jsonb_agg(jsonb_build_object('line', l.line, 'level', l.level)), '[]') FROM log_line AS l WHERE l.site_id = s.site_id
)) AS site FROM site AS s ORDER BY site_id;

-- name: SetExtra :exec
UPDATE site SET extra = @extra WHERE site_id = @site_id;

-- case: jsonb-types
-- schema: cockroach-machine
-- name: Shapes :many
SELECT jsonb_build_object(
  'id', machine_id, 'seen', seen_at, 'slots', slots, 'half', slots / 2, 'name', name, 'serial', serial, 'firmware', firmware,
  'day', seen_at::DATE, 'large', 9007199254740993, 'weight', 1.50::DECIMAL(10, 2), 'on', name = 'a', 'ratio', 0.5::FLOAT8
) AS machine FROM machine ORDER BY machine_id;

-- name: Agg :many
SELECT m.name, jsonb_agg(jsonb_build_object('number', s.number, 'content', s.content)) AS slots
FROM machine AS m LEFT JOIN slot AS s ON s.machine_id = m.machine_id GROUP BY m.machine_id, m.name ORDER BY m.machine_id;

-- case: left-join
-- schema: cockroach-machine
-- name: Slots :many
SELECT m.name, s.number FROM machine AS m LEFT JOIN slot AS s ON s.machine_id = m.machine_id ORDER BY m.name, s.number;

-- case: limited-change
-- name: DropSome :many
DELETE FROM log_line WHERE level < @level ORDER BY rowid LIMIT 10 RETURNING line, level, site_id;

-- name: Touch :many
UPDATE site SET seats = seats + 1 WHERE phase = 'ready' ORDER BY site_id LIMIT 5 RETURNING site_id, former;

-- case: marks
-- schema: cockroach-machine
-- name: Count :one
SELECT count(*) AS "n!" FROM machine;

-- case: names
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

-- case: nothing-returned
-- name: Quiet :exec
INSERT INTO log_line (line, level) VALUES (@line, @level) RETURNING NOTHING;

-- name: Put :exec
UPSERT INTO site (site_id, name, former, tags) VALUES (@site_id, @name, @former, @tags) RETURNING NOTHING;

-- case: optional
-- schema: cockroach-machine
-- name: Find :many
SELECT name
FROM machine
WHERE true
  AND name = @name -- optional
ORDER BY machine_id;

-- case: optional-left-join
-- name: Search :many
SELECT s.name, l.line
FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id
WHERE true
  AND l.line = @line -- optional
  AND s.former = @former -- optional
ORDER BY s.name, l.line;

-- case: plan-only
-- name: Weights :many
SELECT name, former, weight IS NAN AS odd, seats FROM site WHERE ratio IS NOT NAN ORDER BY site_id;

-- name: Joined :many
SELECT s.name, l.line, (s.ratio IS NAN) AS odd FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id ORDER BY s.name, l.line;

-- name: Insert :one
INSERT INTO site (name, former, ratio) VALUES (@name, @former, @ratio) RETURNING site_id, former, weight IS NAN AS odd;

-- name: Of :many
SELECT former FROM site WHERE ratio IS NAN AND now() > '2026-01-01' ORDER BY site_id;

-- case: returning
-- schema: cockroach-machine
-- name: Add :one
INSERT INTO machine (name, slots, seen_at) VALUES (@name, @slots, now()) RETURNING machine_id, serial;

-- case: row-comparison
-- name: Page :many
SELECT name, (seats, former) < (10, @former) AS before FROM site WHERE (name, site_id) > (@name, @site_id) ORDER BY name, site_id LIMIT 10;

-- case: schema-of-views
-- name: Ready :many
SELECT site_id, name, former, places FROM ready_site ORDER BY site_id;

-- name: Said :many
SELECT id, said, loud FROM site_line WHERE id = @id ORDER BY said;

-- name: SaidAloud :many
SELECT v.said, r.name FROM site_line AS v JOIN ready_site AS r ON r.site_id = v.id WHERE v.said IS NOT NULL ORDER BY v.said;

-- case: star
-- schema: cockroach-machine
-- name: Machines :many
SELECT * FROM machine ORDER BY machine_id;

-- case: string
-- name: Strings :many
SELECT name::STRING(3) AS cut, seats::STRING AS digits, former::STRING AS former_word, site_id::STRING AS id
FROM site WHERE name = @name::STRING ORDER BY site_id;

-- case: subqueries
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

-- case: union
-- schema: cockroach-machine
-- name: Both :many
SELECT name FROM machine UNION ALL SELECT serial FROM machine;

-- case: upsert
-- schema: cockroach-machine
-- name: Put :exec
UPSERT INTO machine (machine_id, name, slots, seen_at) VALUES (@machine_id, @name, @slots, now());

-- case: upsert-nullable
-- name: Put :one
UPSERT INTO site (site_id, name, former, extra, tags) VALUES (@site_id, @name, @former, @extra, @tags)
RETURNING site_id, name, former, phase, slug;

-- case: view
-- schema: cockroach-machine
-- name: Empty :many
SELECT machine_id, number FROM empty_slot ORDER BY machine_id, number;
