-- name: A :many
SELECT -- comment
  name, /* more */ nam
FROM customer;
