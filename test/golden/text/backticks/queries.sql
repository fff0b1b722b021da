-- name: Query :many
SELECT '`${x}` \\ ' AS tricky,
  name FROM customer;
