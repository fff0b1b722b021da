-- name: A :many
SELECT '🐘🐘' AS e, nam FROM customer;
