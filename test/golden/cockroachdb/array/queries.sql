-- name: Tags :many
SELECT tags, ports, tags || ARRAY['z'] AS more, array_append(ports, 1) AS grown, array_length(ports, 1) AS how_many
FROM site WHERE tags @> @tags OR ports && @ports ORDER BY site_id;

-- name: SetPorts :exec
UPDATE site SET ports = @ports, tags = @tags WHERE site_id = @site_id;
