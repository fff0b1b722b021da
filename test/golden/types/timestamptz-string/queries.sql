-- name: Query :many
SELECT a_timestamptz FROM everything WHERE a_timestamptz > @since;
