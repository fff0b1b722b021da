-- name: Query :many
SELECT a_mood, maybe_mood, moods FROM everything;
