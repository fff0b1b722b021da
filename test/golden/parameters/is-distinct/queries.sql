-- name: Query :many
SELECT name FROM customer WHERE email IS NOT DISTINCT FROM @email ORDER BY name;
