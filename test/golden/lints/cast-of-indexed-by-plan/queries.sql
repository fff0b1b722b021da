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
