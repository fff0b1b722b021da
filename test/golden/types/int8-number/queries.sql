-- name: Query :many
SELECT id, ints, a_int4 FROM everything WHERE id = @id;
