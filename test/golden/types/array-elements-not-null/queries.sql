-- name: Query :many
SELECT texts, moods FROM everything;
