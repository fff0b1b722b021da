-- name: A :exec
INSERT INTO event (event_id, at, what) VALUES (@event_id, now(), @what);
