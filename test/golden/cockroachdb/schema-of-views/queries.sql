-- name: Ready :many
SELECT site_id, name, former, places FROM ready_site ORDER BY site_id;

-- name: Said :many
SELECT id, said, loud FROM site_line WHERE id = @id ORDER BY said;

-- name: SaidAloud :many
SELECT v.said, r.name FROM site_line AS v JOIN ready_site AS r ON r.site_id = v.id WHERE v.said IS NOT NULL ORDER BY v.said;
