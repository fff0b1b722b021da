-- name: A :many
SELECT name FROM customer WHERE name = @a_rather_long_parameter_name AND nam = 'x';
