-- name: Query :many
SELECT tableoid AS t, xmin::TEXT AS x FROM customer;
