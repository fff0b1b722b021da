-- schema: people

-- case: aggregate-filter-elements
-- name: Query :many
SELECT COALESCE(array_agg(v.note) FILTER (WHERE v.note IS NOT NULL), '{}') AS notes, COALESCE(jsonb_agg(jsonb_build_object('id', v.id, 'note', v.note)) FILTER (WHERE v.id IS NOT NULL), '[]') AS visits FROM person p LEFT JOIN visit v ON v.person_id = p.id GROUP BY p.id ORDER BY p.id;

-- case: array-delimiter
-- name: Query :many
SELECT places, ARRAY[box '((0,0),(1,1))', box '((2,2),(3,3))'] AS made FROM person ORDER BY id;

-- name: Insert :exec
UPDATE person SET places = @places WHERE id = @id;

-- case: array-elements-null
-- name: Query :execrows
INSERT INTO visit (id, person_id, note) SELECT u.id, u.person_id, u.note FROM unnest(@ids::INT4[], @person_ids::INT4[], @notes::TEXT[]) AS u (id, person_id, note);

-- name: QueryArms :execrows
INSERT INTO visit (id, person_id, note) SELECT unnest($1::INT4[]), 1, unnest($2::TEXT[]);

-- name: Store :exec
UPDATE person SET tags = @tags WHERE id = @id;

-- name: Find :many
SELECT id FROM person WHERE nick = ANY(@nicks) ORDER BY id;

-- case: arrays-of-arrays
-- name: Query :many
SELECT u.x FROM unnest(ARRAY[[1, NULL], [2, 3]]) AS u (x);

-- case: case-knows-its-conditions
-- name: Query :many
SELECT CASE WHEN nick IS NULL THEN '' ELSE nick END AS one, CASE WHEN nick IS NOT NULL THEN nick ELSE '' END AS two, CASE WHEN nick = 'x' OR id = 1 THEN nick ELSE '' END AS three FROM person ORDER BY id;

-- case: composites
-- name: Query :many
SELECT p.home, p AS person, v AS visit, v.friend, ARRAY[p] AS people FROM person p LEFT JOIN visit v ON v.person_id = p.id ORDER BY p.id;

-- name: Store :exec
UPDATE person SET home = @home WHERE id = @id;

-- case: copyfrom-returning-star
-- name: Insert :copyfrom
INSERT INTO visit (id, person_id, note) VALUES (@id, @person_id, @note) RETURNING *;

-- case: domains
-- name: Query :many
SELECT age, cost FROM person WHERE age > @age ORDER BY id;

-- name: Store :exec
UPDATE person SET age = @age WHERE id = @id;

-- name: Cast :one
SELECT @age::positive AS age;

-- case: full-join-using
-- name: Query :many
SELECT id, p.nick, p.born_at, v.note FROM person p FULL JOIN visit v USING (id) ORDER BY id;

-- case: generated
-- name: Query :many
SELECT twice, nick_length FROM person ORDER BY id;

-- case: infinite
-- name: Query :many
SELECT born_at, jsonb_build_object('born', born_at, 'score', score) AS doc FROM person ORDER BY id;

-- case: information-schema
-- name: Query :many
SELECT c.table_schema, c.table_name, c.column_name, c.ordinal_position, c.data_type, c.is_nullable, c.column_default FROM information_schema.columns AS c WHERE c.table_schema = 'public' ORDER BY c.table_name, c.ordinal_position;

-- case: json-constructors
-- postgresql: 16
-- name: Query :many
SELECT JSON_OBJECT('id': p.id, 'nick': p.nick, 'id': p.cost RETURNING JSONB) AS object, JSON_ARRAYAGG(p.nick) AS nicks, JSON_ARRAYAGG(p.nick NULL ON NULL) AS all_nicks FROM person p GROUP BY p.id ORDER BY p.id;

-- case: json-twice
-- name: Query :many
SELECT jsonb_build_object('a', 1, 'a', 'x'::TEXT, 'kind', 'person', 'nothing', NULL) AS doc FROM person;

-- case: json-values
-- name: Query :many
SELECT jsonb_build_object('cost', cost, 'age', age, 'tags', tags, 'home', home, 'text', jsonb_build_object('a', id)::TEXT, 'lasts', lasts, 'places', places, 'quoted', quoted) AS doc, to_jsonb(tags) AS tags FROM person ORDER BY id;

-- case: json-rows
-- name: Query :many
SELECT json_agg(v) AS visits, row_to_json(p) AS person, json_agg(ROW(v.id, v.note)) AS pairs, json_agg(s) AS subqueries FROM person p LEFT JOIN visit v ON v.person_id = p.id CROSS JOIN LATERAL (SELECT p.nick AS nick_name, 1 AS one) AS s GROUP BY p.id ORDER BY p.id;

-- case: json-parameter
-- name: Store :exec
UPDATE person SET extra = @extra WHERE id = @id;

-- name: Contains :many
SELECT id FROM person WHERE extra @> @part ORDER BY id;

-- case: left-lateral-count
-- name: Query :many
SELECT p.id, n.visits, n.note, c.x FROM person p LEFT JOIN LATERAL (SELECT count(*) AS visits, max(v.note) AS note FROM visit v WHERE v.person_id = p.id) AS n ON true LEFT JOIN (SELECT count(*) AS x FROM visit) AS c ON c.x > 5 ORDER BY p.id;

-- case: limit-numbered
-- name: Query :many
SELECT id FROM person ORDER BY id LIMIT $1 OFFSET $2;

-- case: materialized-view
-- name: Query :many
SELECT person_id, visits, note FROM counted ORDER BY person_id;

-- case: merge-parameters
-- postgresql: 15
-- name: Query :exec
MERGE INTO visit AS v USING (SELECT @id::INT4 AS id, @person_id::INT4 AS person_id) AS s ON s.id = v.id WHEN MATCHED THEN UPDATE SET note = @note WHEN NOT MATCHED THEN INSERT (id, person_id, note) VALUES (s.id, s.person_id, @note);

-- case: named-arguments
-- name: Query :many
SELECT make_interval(days => id) AS days, make_interval(days => length(nick)) AS nick_days, jsonb_set(jsonb_in => COALESCE(extra, '{}'), path => '{a}', replacement => '1') AS set FROM person ORDER BY id;

-- case: parameters-through-queries
-- name: Union :exec
INSERT INTO visit (id, person_id, note) SELECT @a::INT4, 1, @note::TEXT UNION ALL SELECT @b::INT4, 2, @other::TEXT;

-- name: Cte :exec
WITH i AS (SELECT @id::INT4 AS id, @note::TEXT AS note), j AS (SELECT note, id FROM i) INSERT INTO visit (id, person_id, note) SELECT id, 1, note FROM j;

-- name: Fallback :exec
UPDATE visit SET note = COALESCE($1, note) WHERE id = $2;

-- case: search
-- name: Query :many
SELECT to_tsvector('english', p.id::TEXT) AS vector, to_tsvector('english', p.nick) @@ plainto_tsquery('english', 'x') AS maybe, to_tsvector('english', 'a') @@ to_tsquery('english', 'a') AS found, extra @@ '$.a' AS path FROM person p WHERE extra IS NOT NULL ORDER BY id;

-- case: session-values
-- name: Query :one
SELECT current_user AS u, session_user AS s, current_role AS r, current_catalog AS c, current_schema AS maybe;

-- case: set-returning-in-step
-- name: Hidden :many
SELECT generate_series(1, 2) AS s ORDER BY generate_series(1, 3);

-- name: Alone :many
SELECT generate_series(1, 2) + 1 AS n, unnest(ARRAY['a', 'b']) AS letter, 5 AS five;

-- name: One :many
SELECT id, unnest(ARRAY['a', 'b']) AS letter FROM person ORDER BY id;

-- name: InJson :many
SELECT s.doc FROM (SELECT jsonb_build_object('n', generate_series(1, 2)) AS doc, generate_series(1, 3) AS m) AS s;

-- case: type-names
-- name: Query :many
SELECT quoted, plain, day, long, lasts, born_at FROM person WHERE quoted = @quoted AND plain = @plain ORDER BY id;

-- case: variadic
-- name: Query :many
SELECT concat(VARIADIC NULL::TEXT[]) AS none, concat(VARIADIC tags) AS tags, concat(nick, 'x') AS joined, jsonb_build_object(VARIADIC NULL::TEXT[]) AS doc, format('%s', VARIADIC NULL::TEXT[]) AS text FROM person;

-- case: windows
-- name: Query :many
SELECT sum(id) OVER () AS total, lead(id, 1, 0) OVER (ORDER BY id) AS next, lead(id) OVER (ORDER BY id) AS maybe_next, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS before, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS so_far, first_value(id) OVER (ORDER BY id) AS first, nth_value(id, 2) OVER (ORDER BY id) AS second, ntile(length(nick)) OVER (ORDER BY id) AS tile, ntile(2) OVER (ORDER BY id) AS half, sum(length(nick)) OVER () AS letters FROM person ORDER BY id;

-- case: xmlagg
-- name: Query :many
SELECT xmlagg(nick::XML)::TEXT AS nicks, xmlagg('<a/>'::XML)::TEXT AS tags FROM person GROUP BY id ORDER BY id;
