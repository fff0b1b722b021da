-- name: list_all_names :many
SELECT name FROM customer;
