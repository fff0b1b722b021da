-- name: Everything :many
SELECT * FROM everything;
-- name: Insert :exec
INSERT INTO everything VALUES (@id, @a_bool, @a_int2, @a_int4, @a_float4, @a_float8, @a_numeric, @a_text, @a_varchar, @a_char, @a_uuid, @a_bytea, @a_date, @a_time, @a_timestamp, @a_timestamptz, @an_interval, @a_json, @a_jsonb, @a_mood, @moods, @texts, @ints, @an_address, @a_percent, @an_inet, @a_range, @maybe_mood);
