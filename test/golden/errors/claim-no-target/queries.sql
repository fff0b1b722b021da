-- name: A :claim kind=install
SELECT machine_id FROM machine;
