-- name: A :claim kind=install
SELECT machine_id AS target FROM machine;
