-- name: A :claim process=install
DELETE FROM machine RETURNING machine_id AS target;

-- name: B :finish process=install
SELECT machine_id FROM machine;

-- name: C :claim process=group:x
SELECT machine_id AS target FROM machine;

-- name: D :claim process=install colour=red
SELECT machine_id AS target FROM machine;

-- name: E :claim process=install
SELECT machine_id AS target FROM machine WHERE nosuch = @rack;
