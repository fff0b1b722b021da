-- name: A :many
SELECT name FROM customer WHERE true /* optional */ AND name = @name;
