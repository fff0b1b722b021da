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
