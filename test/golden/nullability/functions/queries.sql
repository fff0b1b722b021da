-- name: Query :many
SELECT upper(name) AS up, upper(email) AS up_email, length(name) AS len, substring(name from 'x(.)') AS part, split_part(name, ' ', 1) AS first, now() AS now FROM customer;
