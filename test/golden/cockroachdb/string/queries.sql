-- name: Strings :many
SELECT name::STRING(3) AS cut, seats::STRING AS digits, former::STRING AS former_word, site_id::STRING AS id
FROM site WHERE name = @name::STRING ORDER BY site_id;
