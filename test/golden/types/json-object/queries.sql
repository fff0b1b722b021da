-- name: Query :many
SELECT jsonb_build_object('id', id, 'mood', a_mood, 'maybe', maybe_mood, 'price', a_numeric, 'at', a_timestamptz, 'deep', json_build_object('flag', a_bool)) AS doc FROM everything;
