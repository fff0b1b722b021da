-- name: Query :many
SELECT id, ints FROM everything WHERE id = @id;
