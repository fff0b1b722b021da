-- name: A :many
SELECT id FROM lease WHERE expires_at < now() ORDER BY id;
