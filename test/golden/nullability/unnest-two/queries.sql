-- name: Query :many
SELECT u.id, u.name FROM unnest(@ids::INT8[], @names::TEXT[]) AS u (id, name);
