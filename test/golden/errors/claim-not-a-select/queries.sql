-- name: A :claim kind=install
DELETE FROM machine RETURNING machine_id AS target;

-- name: B :finish kind=install
SELECT machine_id FROM machine;

-- name: C :claim kind=group:x
SELECT machine_id AS target FROM machine;

-- name: D :claim kind=install colour=red
SELECT machine_id AS target FROM machine;

-- name: E :claim kind=install
SELECT machine_id AS target FROM machine WHERE nosuch = @rack;
