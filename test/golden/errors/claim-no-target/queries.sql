-- name: A :claim process=install
SELECT machine_id FROM machine;
