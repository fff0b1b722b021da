-- name: VersionToServe :maybe
-- The repository that a request names, and the complete version that it names or else the newest one: by unique name and by
-- primary key, one snapshot.
SELECT r.repository_id, r.plugin, v.number, v.completed_at
FROM holdfast.repository AS r
LEFT JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id AND v.complete
  AND v.number = COALESCE(sqlc.narg(number)::INT8, r.version)
WHERE r.name = @name;

-- name: ContentsAtPath :many
-- The contents of a version that have a file at a path, two at most: by the index of paths, the repository's rows by their
-- index of contents.
SELECT DISTINCT f.content_id
FROM holdfast.content_artifact AS f
JOIN holdfast.repository_content AS h ON h.content_id = f.content_id AND h.repository_id = @repository_id
  AND h.version_added <= @number AND (h.version_removed IS NULL OR h.version_removed > @number)
WHERE f.path = @path
ORDER BY f.content_id
LIMIT 2;

-- name: FileToServe :maybe
-- A file, and whether its bytes are in the store: by primary key.
SELECT f.sha256, a.size, a.state
FROM holdfast.content_artifact AS f
LEFT JOIN holdfast.artifact AS a ON a.sha256 = f.sha256
WHERE f.content_id = @content_id AND f.path = @path;
