-- name: Query :many
SELECT u.id, u.n FROM unnest(@ids::INT8[]) WITH ORDINALITY AS u (id, n);
