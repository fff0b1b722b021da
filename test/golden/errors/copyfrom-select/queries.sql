-- name: A :copyfrom
SELECT name FROM customer WHERE name = @name;
