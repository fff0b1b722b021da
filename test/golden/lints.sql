-- schema: shop

-- case: cast-elsewhere
-- schema: casts
-- name: OtherInteger :many
SELECT name FROM item WHERE small = @small::int8 AND item_id > @above::int4;

-- name: OtherSide :many
SELECT name FROM item WHERE item_id = @id::numeric::int8;

-- name: InTheSelectList :many
SELECT item_id * 1.5 AS more, item_id = 1.5 AS never FROM item WHERE item_id = @id ORDER BY item_id + 0.5;

-- name: Relabelled :many
SELECT item_id FROM item WHERE name = @name::text AND item_id = @id;

-- name: IndexedSo :many
SELECT item_id FROM item WHERE small = @small::numeric;

-- name: NotIndexed :many
SELECT item_id FROM item WHERE size = @size::numeric;

-- name: OtherIndexServes :many
SELECT i.name, p.note FROM item AS i JOIN price AS p ON p.cents = i.item_id WHERE i.item_id = @id;

-- name: DayAndTime :many
SELECT item_id FROM item WHERE day < @at::timestamptz;

-- name: AskedFor :many
SELECT name FROM item WHERE item_id::text = @id;

-- case: cast-of-indexed
-- schema: lease
-- name: A :many
SELECT id FROM lease WHERE small = big ORDER BY id;

-- case: cast-of-indexed-by-plan
-- postgresql: 16
-- schema: casts-and-view
-- name: ByParameter :many
SELECT at FROM item WHERE item_id = @id::numeric;

-- name: ByList :many
SELECT at FROM item AS i WHERE i.item_id = ANY (@ids::numeric[]) ORDER BY at;

-- name: OnTheRight :many
SELECT at FROM item WHERE @code::numeric < "Code" ORDER BY at;

-- name: Quoted :many
SELECT at FROM item WHERE "Code" >= @code::float8 ORDER BY at;

-- name: Joined :many
SELECT i.at, p.note FROM item AS i JOIN price AS p ON p.cents = i.item_id;

-- name: ThroughAView :many
SELECT at FROM cheap WHERE id = @id::numeric;

-- name: InASubquery :many
SELECT note FROM price AS p WHERE EXISTS (SELECT FROM item WHERE item_id = p.cents + 1);

-- name: Change :execrows
UPDATE item SET price = NULL WHERE item_id = @id::numeric;

-- case: clock-elsewhere
-- schema: lease
-- name: A :many
SELECT event_id FROM event WHERE at < now() ORDER BY event_id;

-- case: clock-in-lease
-- schema: lease
-- name: A :many
SELECT id FROM lease WHERE expires_at < now() ORDER BY id;

-- case: delete-everything
-- name: A :execrows
DELETE FROM order_line;

-- case: for-share
-- name: A :maybe
SELECT order_id FROM orders WHERE order_id = @order_id FOR SHARE;

-- case: full-scan
-- schema: lease
-- config: { "largeTables": ["event"] }
-- name: A :many
SELECT event_id FROM event WHERE what = @what ORDER BY event_id;

-- case: ignore-nothing
-- name: A :many
-- lint:ignore HL001 once it had a limit
SELECT name FROM customer;

-- case: ignore-without-reason
-- name: A :many
-- lint:ignore HL001
SELECT name FROM customer LIMIT 10;

-- case: limit-without-order
-- name: A :many
SELECT name FROM customer LIMIT 10;

-- case: limit-without-order-ignored
-- name: A :many
-- Any ten do.
-- lint:ignore HL001 a sample is wanted
SELECT name FROM customer LIMIT 10;

-- case: no-full-scan
-- schema: lease
-- config: { "largeTables": ["public.event"] }
-- name: A :many
SELECT what FROM event WHERE event_id > @after ORDER BY event_id;

-- case: one-lock
-- name: A :maybe
SELECT order_id FROM orders WHERE order_id = @order_id FOR UPDATE;

-- case: ordered-locks
-- name: A :many
SELECT order_id FROM orders WHERE note = @note ORDER BY order_id FOR UPDATE;

-- case: partial-order
-- name: A :many
SELECT name FROM customer ORDER BY created_at LIMIT 10;

-- case: sequential-key
-- schema: lease
-- config: { "hotTables": ["event"] }
-- name: A :exec
INSERT INTO event (event_id, at, what) VALUES (@event_id, now(), @what);

-- case: total-order
-- name: A :many
SELECT name FROM customer ORDER BY created_at, customer_id LIMIT 10;

-- case: total-order-by-equality
-- name: A :many
SELECT quantity FROM order_line WHERE order_id = @order_id ORDER BY product_id LIMIT 10;

-- case: unordered-locks
-- name: A :many
SELECT order_id FROM orders WHERE note = @note FOR UPDATE;

-- case: update-everything
-- name: A :execrows
UPDATE product SET price = price * 2;

-- case: not-in-subquery
-- name: NotIn :many
SELECT customer_id FROM customer WHERE customer_id NOT IN (SELECT customer_id FROM orders) ORDER BY customer_id;

-- name: NotAll :many
SELECT customer_id FROM customer WHERE customer_id <> ALL (SELECT customer_id FROM orders) ORDER BY customer_id;

-- name: Listed :many
SELECT customer_id FROM customer WHERE name NOT IN ('a', 'b') AND customer_id <> ALL (@ids) ORDER BY customer_id;

-- name: NotExists :many
SELECT c.customer_id FROM customer AS c WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.customer_id) ORDER BY c.customer_id;

-- name: Silenced :many
-- lint:ignore HL011 a handful of rows
SELECT customer_id FROM customer WHERE customer_id NOT IN (SELECT customer_id FROM orders) ORDER BY customer_id;
