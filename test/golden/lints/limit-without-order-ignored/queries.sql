-- name: A :many
-- Any ten do.
-- lint:ignore HL001 a sample is wanted
SELECT name FROM customer LIMIT 10;
