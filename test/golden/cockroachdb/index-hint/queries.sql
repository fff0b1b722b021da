-- name: ByName :many
SELECT name, slots FROM machine@machine_name WHERE name = @name ORDER BY machine_id;
