-- name: Annotated :many
SELECT name, seats:::INT4 AS seats, COALESCE(former, 'new':::phase) AS former FROM site WHERE name = @name:::STRING ORDER BY site_id;
