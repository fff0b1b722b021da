-- schema: shop

-- case: aggregate-filter
-- name: Query :many
SELECT order_id, sum(quantity) FILTER (WHERE quantity > 1) AS big, count(*) FILTER (WHERE quantity > 1) AS n FROM order_line GROUP BY order_id ORDER BY order_id;

-- case: aggregate-stddev
-- name: Query :many
SELECT order_id, stddev(quantity) AS spread FROM order_line GROUP BY order_id ORDER BY order_id;

-- case: aggregates-grouped
-- name: Query :many
SELECT order_id, sum(quantity) AS sum, max(discount) AS max, array_agg(quantity) AS all, avg(quantity) AS mean FROM order_line GROUP BY order_id ORDER BY order_id;

-- case: aggregates-ungrouped
-- name: Query :one
SELECT sum(quantity) AS sum, max(quantity) AS max, array_agg(quantity) AS all, bool_and(quantity > 0) AS positive FROM order_line;

-- case: arithmetic
-- name: Query :many
SELECT quantity * 2 AS twice, quantity - discount AS less FROM order_line;

-- case: array-any
-- name: Query :many
SELECT 'x' = ANY(tags) AS has FROM product;

-- case: array-subquery
-- name: Query :one
SELECT ARRAY(SELECT name FROM customer ORDER BY name) AS names, ARRAY(SELECT email FROM customer) AS emails;

-- case: array-subscript
-- name: Query :many
SELECT tags[1] AS first, cardinality(tags) AS n, array_length(tags, 1) AS len FROM product;

-- case: bare-values
-- name: Query :many
VALUES (1, 'x'), (2, NULL);

-- case: bool-and-or
-- name: Query :many
SELECT name = 'a' AND email = 'b' AS both, name = 'a' OR name = 'b' AS either FROM customer;

-- case: case
-- name: Query :many
SELECT CASE WHEN email IS NULL THEN 'a' ELSE 'b' END AS always, CASE WHEN email IS NULL THEN 'a' END AS sometimes, CASE status WHEN 'open' THEN note ELSE 'x' END AS note FROM customer JOIN orders USING (customer_id);

-- case: closed-paths
-- name: Query :one
SELECT path '((0,0),(1,1))' + path '((0,0),(1,1))' AS sum, 1 + 1 AS two;

-- case: coalesce
-- name: Query :many
SELECT COALESCE(email, 'none') AS email, COALESCE(email, NULL) AS still FROM customer;

-- case: concat
-- name: Query :many
SELECT name || email AS both, name || '!' AS loud, concat(name, email) AS joined, concat_ws(' ', name, email) AS spaced FROM customer;

-- case: count
-- name: Query :one
SELECT count(*) AS customers, count(email) AS emails FROM customer;

-- case: cross-join
-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c CROSS JOIN orders AS o ORDER BY o.order_id;

-- case: cross-lateral
-- name: Query :many
SELECT c.name, last.status FROM customer c CROSS JOIN LATERAL (SELECT o.status FROM orders o WHERE o.customer_id = c.customer_id ORDER BY o.order_id LIMIT 1) AS last;

-- case: cte
-- name: Query :many
WITH x AS (SELECT name, email FROM customer) SELECT name, email FROM x ORDER BY name;

-- case: cte-insert
-- name: Query :one
WITH x AS (INSERT INTO customer (customer_id, name) VALUES (@id, @name) RETURNING customer_id, email) SELECT customer_id, email FROM x;

-- case: cte-left-join
-- name: Query :many
WITH x AS (SELECT customer_id FROM orders) SELECT c.name, x.customer_id AS ordered FROM customer c LEFT JOIN x ON x.customer_id = c.customer_id;

-- case: cte-materialized
-- name: Query :many
WITH x AS MATERIALIZED (SELECT name FROM customer) SELECT name FROM x ORDER BY name;

-- case: current-things
-- name: Query :one
SELECT current_date AS d, current_user AS u, current_schema AS s, current_timestamp AS t;

-- case: delete-using
-- name: Query :many
DELETE FROM order_line AS l USING orders AS o WHERE o.order_id = l.order_id RETURNING l.order_id, l.discount, o.note;

-- case: delete-where-is-proof
-- name: Query :many
DELETE FROM orders WHERE note IS NOT NULL RETURNING order_id, note;

-- case: distinct
-- name: Query :many
SELECT DISTINCT email, name FROM customer ORDER BY name;

-- case: distinct-on
-- schema: employee
-- name: Query :many
SELECT DISTINCT ON (team) team, name FROM employee ORDER BY team, name;

-- case: except
-- name: Query :many
SELECT name AS a FROM customer EXCEPT SELECT email FROM customer;

-- case: exists
-- name: Query :many
SELECT name, EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id) AS has FROM customer c ORDER BY name;

-- case: full-join
-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c FULL JOIN orders AS o ON o.customer_id = c.customer_id ORDER BY c.name;

-- case: full-join-using
-- name: Query :many
SELECT customer_id, name, status FROM customer FULL JOIN orders USING (customer_id);

-- case: full-join-where-one-side
-- name: Query :many
SELECT c.name, o.status FROM customer c FULL JOIN orders o ON o.customer_id = c.customer_id WHERE c.name IS NOT NULL;

-- case: full-left
-- name: Query :many
SELECT c.name, o.status, l.quantity FROM customer c FULL JOIN orders o ON o.customer_id = c.customer_id LEFT JOIN order_line l ON l.order_id = o.order_id;

-- case: functions
-- name: Query :many
SELECT upper(name) AS up, upper(email) AS up_email, length(name) AS len, substring(name from 'x(.)') AS part, split_part(name, ' ', 1) AS first, now() AS now FROM customer;

-- case: generate-series
-- name: Query :many
SELECT g AS n FROM generate_series(1, 3) AS g;

-- case: greatest
-- name: Query :many
SELECT greatest(email, name) AS one, greatest(email, email) AS none FROM customer;

-- case: group-by-left-join
-- name: Query :many
SELECT c.customer_id, max(o.order_id::TEXT) AS last, count(o.order_id) AS n FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id GROUP BY c.customer_id ORDER BY c.customer_id;

-- case: grouping-sets
-- name: Query :many
SELECT customer_id, status, count(*) AS n FROM orders GROUP BY GROUPING SETS ((customer_id), (status), ());

-- case: in-subquery
-- name: Query :many
SELECT name, customer_id IN (SELECT customer_id FROM orders) AS buys FROM customer;

-- case: infinite-time
-- name: Query :many
SELECT created_at::TIME AS clock, created_at::DATE AS day, scale(price) AS digits FROM customer CROSS JOIN product;

-- case: inner-join
-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c JOIN orders AS o ON o.customer_id = c.customer_id ORDER BY o.order_id;

-- case: intersect
-- name: Query :many
SELECT email AS a FROM customer INTERSECT SELECT name FROM customer;

-- case: json-elements-text
-- name: Query :many
SELECT e.value AS element FROM jsonb_array_elements_text('[null]') AS e;

-- case: json-operators
-- name: Query :many
SELECT attributes -> 'a' AS a, attributes ->> 'b' AS b, jsonb_typeof(attributes) AS kind FROM product WHERE attributes IS NOT NULL;

-- case: jsonb-each
-- name: Query :many
SELECT e.key, e.value FROM product p, jsonb_each(p.attributes) AS e;

-- case: left-join
-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c LEFT JOIN orders AS o ON o.customer_id = c.customer_id ORDER BY c.name;

-- case: left-join-on-is-no-proof
-- name: Query :many
SELECT o.note, c.name FROM orders o LEFT JOIN customer c ON c.name = o.note;

-- case: left-join-using
-- name: Query :many
SELECT customer_id, name, status FROM customer LEFT JOIN orders USING (customer_id);

-- case: left-join-where
-- name: Query :many
SELECT c.name, o.status, o.note FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.status = 'open';

-- case: left-join-where-null
-- name: Query :many
SELECT c.name, o.status FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.order_id IS NULL;

-- case: left-join-where-or
-- name: Query :many
SELECT c.name, o.status FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.status = 'open' OR c.name = 'Ada';

-- case: left-lateral
-- name: Query :many
SELECT c.name, last.placed_at, last.status FROM customer c LEFT JOIN LATERAL (SELECT o.placed_at, o.status FROM orders o WHERE o.customer_id = c.customer_id ORDER BY o.placed_at DESC, o.order_id LIMIT 1) AS last ON true;

-- case: left-left
-- name: Query :many
SELECT c.name, o.status, l.quantity FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id LEFT JOIN order_line l ON l.order_id = o.order_id;

-- case: left-then-inner
-- name: Query :many
SELECT c.name, o.status, l.quantity FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id JOIN order_line l ON l.order_id = o.order_id ORDER BY c.name;

-- case: left-then-right
-- name: Query :many
SELECT c.name, o.status, l.quantity FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id RIGHT JOIN order_line l ON l.order_id = o.order_id;

-- case: mark-not-null
-- name: Query :one
SELECT max(name) AS "last!" FROM customer;

-- case: mark-nullable
-- name: Query :many
SELECT name AS "name?" FROM customer;

-- case: merge
-- postgresql: 17
-- name: Query :many
MERGE INTO product AS p USING (SELECT 1::INT8 AS id) AS s ON s.id = p.product_id WHEN MATCHED THEN UPDATE SET price = p.price + 1 WHEN NOT MATCHED THEN INSERT (product_id, title, price, tags) VALUES (s.id, 'x', 1, '{}') RETURNING merge_action() AS action, p.title, s.id;

-- case: natural-join
-- name: Query :many
SELECT customer_id, name, status FROM customer NATURAL JOIN orders;

-- case: nested-left
-- name: Query :many
SELECT c.name, o.status, l.quantity, p.title FROM customer c LEFT JOIN (orders o JOIN order_line l ON l.order_id = o.order_id JOIN product p ON p.product_id = l.product_id) ON o.customer_id = c.customer_id ORDER BY c.name;

-- case: not-null-column
-- name: Query :many
SELECT name, email FROM customer ORDER BY name;

-- case: nullif
-- name: Query :many
SELECT NULLIF(name, '') AS name FROM customer;

-- case: recursive
-- schema: employee
-- name: Query :many
WITH RECURSIVE up AS (SELECT employee_id, name, manager_id, 1 AS depth FROM employee WHERE employee_id = @id UNION ALL SELECT e.employee_id, e.name, e.manager_id, up.depth + 1 FROM employee e JOIN up ON up.manager_id = e.employee_id) SELECT employee_id, name, manager_id, depth FROM up ORDER BY depth;

-- case: recursive-becomes-null
-- schema: employee
-- name: Query :many
WITH RECURSIVE r AS (SELECT 1 AS n, 1 AS m UNION ALL SELECT r.n + 1, (SELECT NULL::INT4) FROM r WHERE r.n < 3) SELECT n, m FROM r ORDER BY n;

-- case: recursive-swaps
-- schema: employee
-- name: Query :many
WITH RECURSIVE r AS (SELECT 1 AS n, 1 AS a, NULL::INT4 AS b UNION ALL SELECT r.n + 1, r.b, r.a FROM r WHERE r.n < 4) SELECT n, a, b FROM r ORDER BY n;

-- case: returning
-- name: Query :one
INSERT INTO customer (customer_id, name) VALUES (@id, @name) RETURNING customer_id, name, email, created_at;

-- case: returning-old-new
-- postgresql: 18
-- name: Query :one
INSERT INTO customer (customer_id, name) VALUES (@id, @name) ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name RETURNING old.name AS before, new.name AS after;

-- case: right-join
-- name: Query :many
SELECT c.customer_id, o.order_id, o.note FROM customer AS c RIGHT JOIN orders AS o ON o.customer_id = c.customer_id ORDER BY o.order_id;

-- case: right-join-using
-- name: Query :many
SELECT customer_id, name, status FROM customer RIGHT JOIN orders USING (customer_id);

-- case: rollup
-- name: Query :many
SELECT status, count(*) AS n FROM orders GROUP BY ROLLUP (status);

-- case: row-compare
-- name: Query :many
SELECT (name, email) < (name, name) AS less FROM customer;

-- case: rows-from
-- name: Query :many
SELECT r.a, r.b FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (a, b);

-- case: scalar-subquery
-- name: Query :one
SELECT (SELECT o.status FROM orders o LIMIT 1) AS maybe, (SELECT count(*) FROM orders) AS n, (SELECT max(note) FROM orders) AS note;

-- case: scalar-subquery-having
-- name: Query :one
SELECT (SELECT count(*) FROM orders HAVING count(*) > 100) AS n;

-- case: self-join
-- schema: employee
-- name: Query :many
SELECT e.name, m.name AS manager FROM employee e LEFT JOIN employee m ON m.employee_id = e.manager_id ORDER BY e.name;

-- case: semi-join-proof
-- name: Query :many
SELECT o.note FROM orders o JOIN customer c ON c.name = o.note ORDER BY o.note;

-- case: subquery-left-join
-- name: Query :many
SELECT s.name, s.status FROM (SELECT c.name, o.status FROM customer c LEFT JOIN orders o ON o.customer_id = c.customer_id) AS s;

-- case: system-columns
-- name: Query :many
SELECT tableoid AS t, xmin::TEXT AS x FROM customer;

-- case: table-command
-- name: Query :many
SELECT * FROM customer WHERE false;

-- case: two-srfs
-- name: Query :many
SELECT generate_series(1, 2) AS a, generate_series(1, 3) AS b;

-- case: union-all
-- name: Query :many
SELECT name AS a FROM customer UNION ALL SELECT note FROM orders;

-- case: union-nested
-- name: Query :many
(SELECT name AS a FROM customer UNION ALL SELECT title FROM product) UNION ALL SELECT NULL;

-- case: union-not-null
-- name: Query :many
SELECT name AS a FROM customer UNION SELECT title FROM product;

-- case: unnest-column
-- name: Query :many
SELECT p.product_id, t.tag FROM product p, unnest(p.tags) AS t (tag);

-- case: unnest-param
-- name: Query :many
SELECT u.id, u.n FROM unnest(@ids::INT8[]) WITH ORDINALITY AS u (id, n);

-- case: unnest-select
-- name: Query :many
SELECT product_id, unnest(tags) AS tag FROM product;

-- case: unnest-two
-- name: Query :many
SELECT u.id, u.name FROM unnest(@ids::INT8[], @names::TEXT[]) AS u (id, name);

-- case: update-from
-- name: Query :many
UPDATE orders AS o SET note = c.email FROM customer AS c WHERE c.customer_id = o.customer_id RETURNING o.order_id, c.name, c.email;

-- case: update-from-left
-- name: Query :many
UPDATE orders AS o SET note = x.name FROM (SELECT c.customer_id, p.title AS name FROM customer c LEFT JOIN product p ON p.title = c.name) AS x WHERE x.customer_id = o.customer_id RETURNING o.order_id, x.name;

-- case: update-where-is-no-proof
-- name: Query :many
UPDATE orders SET note = NULL WHERE note IS NOT NULL RETURNING order_id, note;

-- case: user-function
-- name: Query :many
SELECT current_setting('nope', true) AS setting, to_char(created_at, 'YYYY') AS year, extract(year FROM created_at) AS y, extract(day FROM created_at) AS d FROM customer;

-- case: values
-- name: Query :many
SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, NULL)) AS v (a, b);

-- case: values-params
-- name: Query :many
SELECT v.a FROM (VALUES (@a::INT4), (@b::INT4)) AS v (a);

-- case: view-left-join
-- name: Query :many
SELECT customer_id, name, order_id, status FROM customer_order;

-- case: view-outer
-- name: Query :many
SELECT c.name, p.order_id, p.placed_at FROM customer c LEFT JOIN placed_order p ON p.customer_id = c.customer_id;

-- case: view-where
-- name: Query :many
SELECT order_id, placed_at FROM placed_order;

-- case: where-coalesce-keeps-null
-- name: Query :many
SELECT email FROM customer WHERE COALESCE(email, 'x') = 'x' ORDER BY email;

-- case: where-compared
-- name: Query :many
SELECT email FROM customer WHERE email LIKE '%@example.com' ORDER BY email;

-- case: where-in
-- name: Query :many
SELECT email FROM customer WHERE email IN ('a', 'b') ORDER BY email;

-- case: where-is-not-true
-- name: Query :many
SELECT email FROM customer WHERE (email = 'x') IS NOT TRUE;

-- case: where-is-true
-- name: Query :many
SELECT email FROM customer WHERE (email = 'x') IS TRUE;

-- case: where-not
-- name: Query :many
SELECT email FROM customer WHERE NOT (email = 'x') ORDER BY email;

-- case: where-not-null
-- name: Query :many
SELECT email, name FROM customer WHERE email IS NOT NULL ORDER BY email;

-- case: where-or-keeps-null
-- name: Query :many
SELECT email FROM customer WHERE email = 'a' OR name = 'b' ORDER BY email;

-- case: whole-row
-- name: Query :many
SELECT c AS row_of_customer FROM customer AS c;

-- case: window
-- schema: employee
-- name: Query :many
SELECT name, row_number() OVER (ORDER BY name) AS n, lag(name) OVER (ORDER BY name) AS before, sum(salary) OVER (ORDER BY name) AS total, count(*) OVER () AS all FROM employee;
