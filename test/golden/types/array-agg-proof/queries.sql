-- name: Query :many
SELECT array_agg(a_text) AS texts, array_agg(maybe_mood) AS moods FROM everything GROUP BY a_int4;
