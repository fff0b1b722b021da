-- name: Query :many
SELECT e.value AS element FROM jsonb_array_elements_text('[null]') AS e;
