-- name: CreateRepository :execrows
-- By primary key, and by the unique name.
INSERT INTO holdfast.repository (repository_id, name, plugin, settings, retain)
VALUES (@repository_id, @name, sqlc.narg(plugin)::TEXT, @settings::TEXT::JSONB, sqlc.narg(retain)::INT8)
ON CONFLICT (name) DO NOTHING;

-- name: UpdateRepository :execrows
-- Other settings, or another limit of versions: by the unique name.
UPDATE holdfast.repository
SET plugin = sqlc.narg(plugin)::TEXT, settings = @settings::TEXT::JSONB, retain = sqlc.narg(retain)::INT8
WHERE name = @name;

-- name: RepositoryByName :maybe
-- By the unique name.
SELECT repository_id, name, plugin, settings, retain, version, created_at
FROM holdfast.repository WHERE name = @name;

-- name: ListRepositories :many
-- A page in the order of the unique names, with the newest version's contents, by primary key.
SELECT r.repository_id, r.name, r.plugin, r.settings, r.retain, r.version, r.created_at, v.present, v.completed_at
FROM holdfast.repository AS r
LEFT JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id AND v.number = r.version
WHERE r.name > @after
ORDER BY r.name
LIMIT @page::INT8;

-- name: HolderOf :maybe
-- Who holds the work on a repository now: by primary key.
SELECT w.session_id AS "holder!", s.component, s.instance
FROM holdfast.active_work AS w
JOIN holdfast.session AS s ON s.session_id = w.session_id
WHERE w.kind = @kind AND w.target = @target;

-- name: OpenVersion :one
-- Begins a version, and what is told of the run: by primary key. Called when no version of the repository is open; another
-- holder cannot have one, since the transaction proves the work.
WITH repository AS (
  SELECT r.repository_id, r.version FROM holdfast.repository AS r WHERE r.repository_id = @repository_id
), opened AS (
  INSERT INTO holdfast.repository_version (repository_id, number, token)
  SELECT repository_id, version + 1, @token::INT8 FROM repository
  RETURNING number
), run AS (
  INSERT INTO holdfast.repository_run (repository_id, token)
  SELECT repository_id, @token::INT8 FROM repository
  ON CONFLICT (repository_id, token) DO UPDATE SET state = 'running', ended_at = NULL, cause = NULL
  RETURNING token
)
SELECT (SELECT number FROM opened) AS "number!", (SELECT count(*) FROM run) AS "runs!";

-- name: EnsureRemote :exec
-- By primary key.
INSERT INTO holdfast.remote (remote_id, repository_id, name) VALUES (@remote_id, @repository_id, @name)
ON CONFLICT (remote_id) DO NOTHING;

-- name: OpenVersionsOf :many
-- Versions of a repository that are not complete: by primary key.
SELECT number, token FROM holdfast.repository_version
WHERE repository_id = @repository_id AND NOT complete
ORDER BY number;

-- name: LockOpenVersion :maybe
-- Keeps an open version as it is until the commit: by primary key. None: somebody has completed or discarded it.
SELECT number FROM holdfast.repository_version
WHERE repository_id = @repository_id AND number = @number AND token = @token AND NOT complete
FOR UPDATE;

-- name: EndOfPage :one
-- The last natural key of a page of what a repository holds or held: a range of the primary key. Null: there is none.
WITH page AS (
  SELECT c.key_id FROM holdfast.repository_content AS c
  WHERE c.repository_id = @repository_id AND c.key_id > @after::UUID
  ORDER BY c.key_id
  LIMIT @page::INT8
)
SELECT max(key_id::TEXT)::UUID AS upto FROM page;

-- name: DeleteAdded :execrows
-- What a version has added, between two natural keys: a range of the primary key.
DELETE FROM holdfast.repository_content
WHERE repository_id = @repository_id AND key_id > @after::UUID AND key_id <= @upto::UUID AND version_added = @number;

-- name: RestoreRemoved :execrows
-- What a version has removed is held again, between two natural keys: a range of the primary key.
UPDATE holdfast.repository_content SET version_removed = NULL
WHERE repository_id = @repository_id AND key_id > @after::UUID AND key_id <= @upto::UUID AND version_removed = @number;

-- name: DeleteVersion :execrows
-- By primary key.
DELETE FROM holdfast.repository_version WHERE repository_id = @repository_id AND number = @number AND token = @token;

-- name: EndRun :execrows
-- What became of a run, and of its steps that were under way: by primary key.
WITH steps AS (
  UPDATE holdfast.repository_step
  SET state = CASE WHEN @state::TEXT IN ('failed', 'canceled') THEN @state::TEXT ELSE 'completed' END, updated_at = now()
  WHERE repository_id = @repository_id AND token = @token AND state = 'running'
  RETURNING code
)
UPDATE holdfast.repository_run
SET state = @state::TEXT, version = sqlc.narg(version)::INT8, cause = sqlc.narg(cause)::TEXT, ended_at = now()
WHERE repository_id = @repository_id AND token = @token AND state = 'running';

-- name: EndOlderRuns :exec
-- Closes the runs that the holders before have left: by the partial index, and their steps by primary key.
WITH ended AS (
  UPDATE holdfast.repository_run
  SET state = 'failed', cause = 'its worker died', ended_at = now()
  WHERE repository_id = @repository_id AND token < @token AND state = 'running'
  RETURNING repository_id, token
)
UPDATE holdfast.repository_step AS s
SET state = 'failed', updated_at = now()
FROM ended AS e
WHERE s.repository_id = e.repository_id AND s.token = e.token AND s.state = 'running';

-- name: WriteProgress :exec
-- How far the steps of a run are (parallel arrays; -1: the total is not known), and its stages: by primary key.
WITH run AS (
  UPDATE holdfast.repository_run SET stages = sqlc.narg(stages)::JSONB
  WHERE repository_id = @repository_id AND token = @token
  RETURNING token
)
INSERT INTO holdfast.repository_step AS s (repository_id, token, code, message, done, total, state)
SELECT @repository_id::UUID, @token::INT8, g.code, g.message, g.done, NULLIF(g.total, -1), g.state
FROM unnest(@codes::TEXT[], @messages::TEXT[], @dones::INT8[], @totals::INT8[], @states::TEXT[])
  AS g (code, message, done, total, state)
ON CONFLICT (repository_id, token, code) DO UPDATE
SET message = excluded.message, done = excluded.done, total = excluded.total, state = excluded.state, updated_at = now();

-- name: FindDeclared :many
-- Of what is declared (parallel arrays in the order of @ords) all but what the repository holds and what was declared so the
-- last time, with all its files in the store where @complete. By primary key; nothing is locked. A subquery for each, not a
-- join: without statistics of its tables PostgreSQL would read all that the repository holds.
SELECT g.ord AS "ord!"
FROM unnest(@ords::INT8[], @key_ids::UUID[], @declared::UUID[]) AS g (ord, key_id, declared)
WHERE g.declared IS DISTINCT FROM (
    SELECT h.declared FROM holdfast.repository_content AS h
    WHERE h.repository_id = @repository_id AND h.key_id = g.key_id AND h.version_removed IS NULL)
  OR (@complete::BOOL AND 0 < (
    SELECT count(*) FROM holdfast.repository_content AS h
    JOIN holdfast.content_artifact AS f ON f.content_id = h.content_id AND f.sha256 IS NULL
    WHERE h.repository_id = @repository_id AND h.key_id = g.key_id AND h.version_removed IS NULL));

-- name: NoteDeclared :exec
-- What was declared last of contents that the repository holds (parallel arrays): by primary key.
UPDATE holdfast.repository_content AS h SET declared = g.declared
FROM unnest(@key_ids::UUID[], @content_ids::UUID[], @declared::UUID[]) AS g (key_id, content_id, declared)
WHERE h.repository_id = @repository_id AND h.key_id = g.key_id AND h.key_id = ANY(@key_ids::UUID[])
  AND h.version_removed IS NULL AND h.content_id = g.content_id AND h.declared IS DISTINCT FROM g.declared;

-- name: FindContent :many
-- What is known of declared content (parallel arrays in the order of @ords): with which fingerprint it exists, what the
-- repository held under its natural key (nothing before its first version), and, with @complete, how many of its files are not
-- in the store. By primary key, a subquery for each as in FindDeclared; nothing is locked.
SELECT g.ord AS "ord!",
  (SELECT c.fingerprint FROM holdfast.content AS c WHERE c.content_id = g.content_id) AS stored,
  CASE WHEN NOT @is_first::BOOL THEN (
    SELECT h.content_id FROM holdfast.repository_content AS h
    WHERE h.repository_id = @repository_id AND h.key_id = g.key_id AND h.version_removed IS NULL) END AS held,
  CASE WHEN @complete::BOOL THEN (
    SELECT count(*) FROM holdfast.content_artifact AS f WHERE f.content_id = g.content_id AND f.sha256 IS NULL)
  ELSE 0 END AS "unfetched!"
FROM unnest(@ords::INT8[], @content_ids::UUID[], @key_ids::UUID[]) AS g (ord, content_id, key_id);

-- name: HeldContent :many
-- What a repository holds under natural keys: by primary key.
SELECT key_id, content_id FROM holdfast.repository_content
WHERE repository_id = @repository_id AND key_id = ANY(@key_ids::UUID[]) AND version_removed IS NULL;

-- name: GetContents :many
-- Some contents: by primary key.
SELECT content_id, type, name, key, key_id, fingerprint, metadata FROM holdfast.content
WHERE content_id = ANY(@content_ids::UUID[]);

-- name: TouchContent :many
-- Keeps contents from the garbage collector, which does not take what was used lately: by primary key, in their order. Gives
-- those that exist.
UPDATE holdfast.content SET used_at = now() WHERE content_id = ANY(@content_ids::UUID[]) RETURNING content_id;

-- name: SaveContent :one
-- New contents with their files and where a remote has them, all or none (parallel arrays): by primary key, in its order,
-- so that transactions with contents in common wait for each other and never in a circle. What exists stays. Gives how many
-- contents were new.
WITH saved AS (
  INSERT INTO holdfast.content (content_id, type, name, key, key_id, fingerprint, metadata)
  SELECT g.content_id, g.type, g.name, g.key, g.key_id, g.fingerprint, g.metadata::JSONB
  FROM unnest(@content_ids::UUID[], @types::TEXT[], @names::TEXT[], @keys::TEXT[], @key_ids::UUID[], @fingerprints::UUID[],
    @metadata::TEXT[]) AS g (content_id, type, name, key, key_id, fingerprint, metadata)
  ORDER BY g.content_id
  ON CONFLICT (content_id) DO NOTHING
  RETURNING content_id
), files AS (
  INSERT INTO holdfast.content_artifact (content_id, path, sha256)
  SELECT g.content_id, g.path, NULLIF(g.sha256, '')
  FROM unnest(@file_content_ids::UUID[], @file_paths::TEXT[], @file_sha256s::TEXT[]) AS g (content_id, path, sha256)
  ORDER BY g.content_id, g.path
  ON CONFLICT (content_id, path) DO NOTHING
  RETURNING content_id
), remotes AS (
  INSERT INTO holdfast.remote_artifact AS r (remote_id, content_id, path, urls, digests, size, fingerprint)
  SELECT @remote_id::UUID, g.content_id, g.path, g.urls::JSONB, g.digests::JSONB, NULLIF(g.size, -1), g.fingerprint
  FROM unnest(@remote_content_ids::UUID[], @remote_paths::TEXT[], @remote_urls::TEXT[], @remote_digests::TEXT[],
    @remote_sizes::INT8[], @remote_fingerprints::UUID[]) AS g (content_id, path, urls, digests, size, fingerprint)
  ORDER BY g.content_id, g.path
  ON CONFLICT (remote_id, content_id, path) DO UPDATE
  SET urls = excluded.urls, digests = excluded.digests, size = excluded.size, fingerprint = excluded.fingerprint
  WHERE r.fingerprint <> excluded.fingerprint
  RETURNING r.content_id
)
SELECT count(*) AS fresh FROM saved;

-- name: ConflictingContent :many
-- Of some contents (parallel arrays) those that exist with another fingerprint: by primary key. Behind SaveContent, in its
-- transaction, where some were not new.
SELECT c.content_id, c.key
FROM holdfast.content AS c
JOIN unnest(@content_ids::UUID[], @fingerprints::UUID[]) AS g (content_id, fingerprint) ON g.content_id = c.content_id
WHERE c.fingerprint <> g.fingerprint;

-- name: FillArtifacts :exec
-- Files that were on demand and have been fetched (parallel arrays): by primary key, in its order.
UPDATE holdfast.content_artifact AS f SET sha256 = g.sha256
FROM unnest(@content_ids::UUID[], @paths::TEXT[], @sha256s::TEXT[]) AS g (content_id, path, sha256)
WHERE f.content_id = g.content_id AND f.path = g.path AND f.sha256 IS NULL;

-- name: ChangedRemoteArtifacts :many
-- Of what a remote declares (parallel arrays in the order of @ords) what is not written down so: by primary key.
SELECT g.ord AS "ord!"
FROM unnest(@ords::INT8[], @content_ids::UUID[], @paths::TEXT[], @fingerprints::UUID[]) AS g (ord, content_id, path, fingerprint)
WHERE g.fingerprint IS DISTINCT FROM (
  SELECT r.fingerprint FROM holdfast.remote_artifact AS r
  WHERE r.remote_id = @remote_id AND r.content_id = g.content_id AND r.path = g.path);

-- name: SaveRemoteArtifacts :exec
-- Where a remote has files of contents that exist (parallel arrays): by primary key, in its order.
INSERT INTO holdfast.remote_artifact AS r (remote_id, content_id, path, urls, digests, size, fingerprint)
SELECT @remote_id::UUID, g.content_id, g.path, g.urls::JSONB, g.digests::JSONB, NULLIF(g.size, -1), g.fingerprint
FROM unnest(@content_ids::UUID[], @paths::TEXT[], @urls::TEXT[], @digests::TEXT[], @sizes::INT8[], @fingerprints::UUID[])
  AS g (content_id, path, urls, digests, size, fingerprint)
ORDER BY g.content_id, g.path
ON CONFLICT (remote_id, content_id, path) DO UPDATE
SET urls = excluded.urls, digests = excluded.digests, size = excluded.size, fingerprint = excluded.fingerprint;

-- name: CountRemoteArtifacts :one
-- How many files a remote has: reads a range of the primary key, once a sync.
SELECT count(*) AS "files!" FROM holdfast.remote_artifact WHERE remote_id = @remote_id;

-- name: RemoteContents :many
-- A page of the contents that a remote has files of, and what the repository holds under their natural keys: a range of the
-- primary key, contents and the repository's rows by theirs.
SELECT p.content_id AS "content_id!", c.key_id, h.content_id AS held
FROM (
  SELECT DISTINCT r.content_id FROM holdfast.remote_artifact AS r
  WHERE r.remote_id = @remote_id AND r.content_id > @after::UUID
  ORDER BY r.content_id
  LIMIT @page::INT8
) AS p
LEFT JOIN holdfast.content AS c ON c.content_id = p.content_id
LEFT JOIN holdfast.repository_content AS h
  ON h.repository_id = @repository_id AND h.key_id = c.key_id AND h.version_removed IS NULL
ORDER BY p.content_id;

-- name: DeleteRemoteArtifacts :execrows
-- And what was declared last of them, so that they are looked at when they are declared again: by primary key, and the
-- repository's rows by the index of contents.
WITH forgotten AS (
  UPDATE holdfast.repository_content SET declared = NULL
  WHERE repository_id = @repository_id AND content_id = ANY(@content_ids::UUID[]) AND version_removed IS NULL
  RETURNING key_id
)
DELETE FROM holdfast.remote_artifact WHERE remote_id = @remote_id AND content_id = ANY(@content_ids::UUID[]);

-- name: FindArtifacts :many
-- Of some digests those whose bytes are in the store, which keeps them from the garbage collector: by primary key and by the
-- index of SHA-512.
UPDATE holdfast.artifact SET used_at = now()
WHERE (sha256 = ANY(@sha256s::TEXT[]) OR sha512 = ANY(@sha512s::TEXT[])) AND state = 'stored'
RETURNING sha256, sha512, size;

-- name: ReserveArtifacts :exec
-- Artifacts whose bytes are about to be put into the store (parallel arrays): by primary key, in its order. Waits for a
-- garbage collector that is deleting the same bytes. What is stored stays so.
INSERT INTO holdfast.artifact AS a (sha256, sha512, size, state)
SELECT g.sha256, NULLIF(g.sha512, ''), g.size, 'arriving'
FROM unnest(@sha256s::TEXT[], @sha512s::TEXT[], @sizes::INT8[]) AS g (sha256, sha512, size)
ORDER BY g.sha256
ON CONFLICT (sha256) DO UPDATE
SET used_at = now(), state = CASE WHEN a.state = 'doomed' THEN 'arriving' ELSE a.state END,
  sha512 = COALESCE(a.sha512, excluded.sha512);

-- name: SettleArtifacts :exec
-- Their bytes are in the store: by primary key.
UPDATE holdfast.artifact SET state = 'stored' WHERE sha256 = ANY(@sha256s::TEXT[]) AND state = 'arriving';

-- name: AddHeld :many
-- First half of adding contents to an open version (parallel arrays): what the repository holds under their natural keys is
-- removed by this version where it is other content, and held again where it is the same. By primary key.
UPDATE holdfast.repository_content AS h
SET version_removed = CASE WHEN h.content_id <> g.content_id THEN @number::INT8 END
FROM unnest(@key_ids::UUID[], @content_ids::UUID[]) AS g (key_id, content_id)
WHERE h.repository_id = @repository_id AND h.key_id = g.key_id AND h.key_id = ANY(@key_ids::UUID[])
  AND h.version_added < @number::INT8
  AND ((h.version_removed IS NULL AND h.content_id <> g.content_id)
    OR (h.version_removed = @number::INT8 AND h.content_id = g.content_id))
RETURNING h.key_id, h.version_removed IS NULL AS "is_held!";

-- name: AddNew :execrows
-- Second half, behind AddHeld: what the repository does not hold is added by this version. By primary key, in its order.
INSERT INTO holdfast.repository_content AS h (repository_id, key_id, version_added, content_id, declared)
SELECT @repository_id::UUID, g.key_id, @number::INT8, g.content_id, NULLIF(g.declared, '')::UUID
FROM unnest(@key_ids::UUID[], @content_ids::UUID[], @declared::TEXT[]) AS g (key_id, content_id, declared)
WHERE @number::INT8 = 1 OR 0 = (
  SELECT count(*) FROM holdfast.repository_content AS b
  WHERE b.repository_id = @repository_id AND b.key_id = g.key_id AND b.version_added < @number::INT8
    AND b.version_removed IS NULL)
ORDER BY g.key_id
ON CONFLICT (repository_id, key_id, version_added) DO UPDATE
SET content_id = excluded.content_id, declared = excluded.declared
WHERE h.content_id <> excluded.content_id;

-- name: RemoveAdded :execrows
-- What this version has added under some natural keys is not added: by primary key.
DELETE FROM holdfast.repository_content
WHERE repository_id = @repository_id AND key_id = ANY(@key_ids::UUID[]) AND version_added = @number;

-- name: RemoveHeld :execrows
-- What the repository holds under some natural keys is removed by this version: by primary key.
UPDATE holdfast.repository_content SET version_removed = @number
WHERE repository_id = @repository_id AND key_id = ANY(@key_ids::UUID[]) AND version_added < @number
  AND version_removed IS NULL;

-- name: CountHeld :one
-- How many contents a repository holds: reads its rows, once a sync.
SELECT count(*) AS "held!" FROM holdfast.repository_content
WHERE repository_id = @repository_id AND version_removed IS NULL;

-- name: HeldKeys :many
-- A page of the natural keys that a repository holds: a range of the primary key.
-- lint:ignore HL002 a repository holds one content a natural key
SELECT key_id FROM holdfast.repository_content
WHERE repository_id = @repository_id AND version_removed IS NULL AND key_id > @after::UUID
ORDER BY key_id
LIMIT @page::INT8;

-- name: CountChanges :one
-- What a version has added and removed, and how much it holds: reads the repository's rows, once a version.
SELECT
  count(CASE WHEN version_added = @number THEN 1 END) AS "added!",
  count(CASE WHEN version_removed = @number THEN 1 END) AS "removed!",
  count(CASE WHEN version_added <= @number AND (version_removed IS NULL OR version_removed > @number) THEN 1 END) AS "present!"
FROM holdfast.repository_content
WHERE repository_id = @repository_id;

-- name: CompleteVersion :one
-- From here on everybody sees the version: by primary key, both rows. Gives 1; 0: it is not open any more.
WITH completed AS (
  UPDATE holdfast.repository_version
  SET complete = true, added = @added, removed = @removed, present = @present, completed_at = now()
  WHERE repository_id = @repository_id AND number = @number AND token = @token AND NOT complete
  RETURNING number
), shown AS (
  UPDATE holdfast.repository SET version = @number
  WHERE repository_id = @repository_id AND EXISTS (SELECT 1 FROM completed)
  RETURNING version
)
SELECT count(*) AS "versions!" FROM shown;

-- name: ListVersions :many
-- The complete versions of a repository, the newest first: by primary key.
SELECT number, added, removed, present, created_at, completed_at, protected
FROM holdfast.repository_version
WHERE repository_id = @repository_id AND complete
ORDER BY number DESC;

-- name: ProtectVersion :execrows
-- Says why a version is kept; null: it is not any more. By primary key.
UPDATE holdfast.repository_version SET protected = sqlc.narg(reason)::TEXT
WHERE repository_id = @repository_id AND number = @number AND complete;

-- name: DropVersion :execrows
-- A complete version that nothing protects: by primary key. The contents stay; DropUnseen takes what no version shows any more.
DELETE FROM holdfast.repository_version
WHERE repository_id = @repository_id AND number = @number AND complete AND protected IS NULL;

-- name: DropUnseen :execrows
-- What was added behind version @below and is removed by version @number, where there is no version between them: no version
-- shows it. Reads the repository's rows.
DELETE FROM holdfast.repository_content
WHERE repository_id = @repository_id AND version_added > @below::INT8 AND version_removed <= @number::INT8;

-- name: RecountVersion :exec
-- What a version adds to and removes from the one that is now before it, @below (0: none): reads the repository's rows.
WITH changed AS (
  SELECT b.added, b.removed FROM (
    SELECT
      count(CASE WHEN n.content_id IS NOT NULL AND o.content_id IS DISTINCT FROM n.content_id THEN 1 END) AS added,
      count(CASE WHEN o.content_id IS NOT NULL AND n.content_id IS DISTINCT FROM o.content_id THEN 1 END) AS removed
    FROM (
      SELECT key_id, content_id FROM holdfast.repository_content
      WHERE repository_id = @repository_id AND version_added <= @below::INT8
        AND (version_removed IS NULL OR version_removed > @below::INT8)) AS o
    FULL JOIN (
      SELECT key_id, content_id FROM holdfast.repository_content
      WHERE repository_id = @repository_id AND version_added <= @number::INT8
        AND (version_removed IS NULL OR version_removed > @number::INT8)) AS n ON n.key_id = o.key_id
  ) AS b
)
UPDATE holdfast.repository_version SET added = c.added, removed = c.removed
FROM changed AS c
WHERE repository_id = @repository_id AND number = @number::INT8;

-- name: ContentsOfVersion :many
-- A page of what a version holds, in the order of natural keys' digests: a range of the primary key, contents by theirs.
SELECT h.key_id, c.content_id, c.type, c.name, c.key, c.metadata
FROM holdfast.repository_content AS h
JOIN holdfast.content AS c ON c.content_id = h.content_id
WHERE h.repository_id = @repository_id AND h.key_id > @after::UUID
  AND h.version_added <= @number AND (h.version_removed IS NULL OR h.version_removed > @number)
ORDER BY h.key_id
LIMIT @page::INT8;

-- name: ContentsByName :many
-- What a version holds of a type under a name: by the index of names, the repository's rows by primary key.
SELECT c.content_id, c.type, c.name, c.key, c.key_id, c.metadata
FROM holdfast.content AS c
JOIN holdfast.repository_content AS h ON h.repository_id = @repository_id AND h.key_id = c.key_id
  AND h.content_id = c.content_id AND h.version_added <= @number AND (h.version_removed IS NULL OR h.version_removed > @number)
WHERE c.type = @type AND c.name = @name
ORDER BY c.key;

-- name: ArtifactsOf :many
-- The files of contents, with what is known of their bytes: by primary key.
SELECT f.content_id, f.path, f.sha256, a.size, a.sha512, a.state
FROM holdfast.content_artifact AS f
LEFT JOIN holdfast.artifact AS a ON a.sha256 = f.sha256
WHERE f.content_id = ANY(@content_ids::UUID[])
ORDER BY f.content_id, f.path;

-- name: RemotesOfFile :many
-- Where a file can be had: by the index of contents.
SELECT r.urls, r.digests, r.size, p.name AS repository
FROM holdfast.remote_artifact AS r
JOIN holdfast.remote AS m ON m.remote_id = r.remote_id
JOIN holdfast.repository AS p ON p.repository_id = m.repository_id
WHERE r.content_id = @content_id AND r.path = @path
ORDER BY p.name;

-- name: DiffVersions :many
-- A page of the natural keys under which two versions hold different content: a range of the primary key.
SELECT d.key_id AS "key_id!", o.type AS old_type, o.key AS old_key, n.type AS new_type, n.key AS new_key
FROM (
  SELECT h.key_id,
    max(CASE WHEN h.version_added <= @old::INT8 AND (h.version_removed IS NULL OR h.version_removed > @old::INT8)
      THEN h.content_id::TEXT END)::UUID AS old_id,
    max(CASE WHEN h.version_added <= @new::INT8 AND (h.version_removed IS NULL OR h.version_removed > @new::INT8)
      THEN h.content_id::TEXT END)::UUID AS new_id
  FROM holdfast.repository_content AS h
  WHERE h.repository_id = @repository_id AND h.key_id > @after::UUID
  GROUP BY h.key_id
) AS d
LEFT JOIN holdfast.content AS o ON o.content_id = d.old_id
LEFT JOIN holdfast.content AS n ON n.content_id = d.new_id
WHERE d.old_id IS DISTINCT FROM d.new_id
ORDER BY d.key_id
LIMIT @page::INT8;

-- name: DeleteRepository :execrows
-- By primary key; what it held is deleted before, page by page.
WITH versions AS (
  DELETE FROM holdfast.repository_version WHERE repository_id = @repository_id RETURNING number
), runs AS (
  DELETE FROM holdfast.repository_run WHERE repository_id = @repository_id RETURNING token
), steps AS (
  DELETE FROM holdfast.repository_step WHERE repository_id = @repository_id RETURNING token
), remotes AS (
  DELETE FROM holdfast.remote WHERE repository_id = @repository_id RETURNING remote_id
)
DELETE FROM holdfast.repository WHERE repository_id = @repository_id;

-- name: DeleteRepositoryContent :execrows
-- One page: by primary key.
DELETE FROM holdfast.repository_content
WHERE (repository_id, key_id, version_added) IN (
  SELECT repository_id, key_id, version_added FROM holdfast.repository_content
  WHERE repository_id = @repository_id ORDER BY key_id, version_added LIMIT @page::INT8);

-- name: DeleteRemoteFiles :execrows
-- One page of what the remotes of a repository have: by primary key.
DELETE FROM holdfast.remote_artifact
WHERE (remote_id, content_id, path) IN (
  SELECT r.remote_id, r.content_id, r.path FROM holdfast.remote AS m
  JOIN holdfast.remote_artifact AS r ON r.remote_id = m.remote_id
  WHERE m.repository_id = @repository_id ORDER BY r.remote_id, r.content_id, r.path LIMIT @page::INT8);

-- name: FencedVersions :many
-- Open versions whose holders cannot write any more: their sessions' rows are gone, or somebody else has the work. Open versions
-- are few: by the partial index of runs.
SELECT r.repository_id, v.number, v.token, p.name
FROM holdfast.repository_run AS r
JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id AND v.token = r.token AND NOT v.complete
JOIN holdfast.repository AS p ON p.repository_id = r.repository_id
WHERE r.state = 'running' AND NOT EXISTS (
  SELECT 1 FROM holdfast.work AS w JOIN holdfast.session AS s ON s.session_id = w.holder
  WHERE w.target = p.name AND w.kind = @kind AND w.token = r.token)
ORDER BY r.repository_id, v.number;

-- name: DeleteOrphanedContent :one
-- One page of contents that no version holds and that nobody used lately: not within @grace_ms, nor since the oldest run
-- began that is under way. With their files and where remotes have them. Reads contents in the order of the primary key from
-- @after on, and the repositories' rows by their index of contents. A sync that finds one at the same time sets used_at
-- before it relies on it, and the delete looks at that again. Gives the last one looked at; null: there was none.
WITH cutoff AS (
  SELECT LEAST(now() - @grace_ms::INT8 * INTERVAL '1 millisecond',
    (SELECT min(r.started_at) FROM holdfast.repository_run AS r WHERE r.state = 'running')) AS at
), page AS (
  SELECT c.content_id, c.used_at FROM holdfast.content AS c
  WHERE c.content_id > @after::UUID ORDER BY c.content_id LIMIT @page::INT8
), orphan AS (
  DELETE FROM holdfast.content
  WHERE content_id IN (
      SELECT p.content_id FROM page AS p
      WHERE NOT EXISTS (SELECT 1 FROM holdfast.repository_content AS h WHERE h.content_id = p.content_id))
    AND used_at < (SELECT at FROM cutoff)
  RETURNING content_id
), files AS (
  DELETE FROM holdfast.content_artifact WHERE content_id IN (SELECT content_id FROM orphan) RETURNING content_id
), remotes AS (
  DELETE FROM holdfast.remote_artifact WHERE content_id IN (SELECT content_id FROM orphan) RETURNING content_id
)
SELECT (SELECT max(content_id::TEXT)::UUID FROM page) AS upto, (SELECT count(*) FROM orphan) AS "contents!",
  (SELECT count(*) FROM files) AS "files!", (SELECT count(*) FROM remotes) AS "remotes!";

-- name: DoomArtifacts :one
-- The same of artifacts that no content has: they are marked, so that no sync relies on them. A sync that needs one afterwards
-- stores its bytes anew. Gives the last one looked at; null: there was none.
WITH cutoff AS (
  SELECT LEAST(now() - @grace_ms::INT8 * INTERVAL '1 millisecond',
    (SELECT min(r.started_at) FROM holdfast.repository_run AS r WHERE r.state = 'running')) AS at
), page AS (
  SELECT a.sha256 FROM holdfast.artifact AS a WHERE a.sha256 > @after ORDER BY a.sha256 LIMIT @page::INT8
), doomed AS (
  UPDATE holdfast.artifact SET state = 'doomed'
  WHERE sha256 IN (
      SELECT p.sha256 FROM page AS p
      WHERE NOT EXISTS (SELECT 1 FROM holdfast.content_artifact AS f WHERE f.sha256 = p.sha256))
    AND used_at < (SELECT at FROM cutoff) AND state <> 'doomed'
  RETURNING sha256
)
SELECT (SELECT max(sha256) FROM page) AS upto, (SELECT count(*) FROM doomed) AS "artifacts!";

-- name: LockDoomed :many
-- A page of the artifacts that are doomed, kept so until the commit: by the partial index. Who wants to store one waits.
SELECT sha256, size FROM holdfast.artifact WHERE state = 'doomed' ORDER BY sha256 LIMIT @page::INT8 FOR UPDATE;

-- name: DeleteArtifacts :execrows
-- Their bytes are gone: by primary key, behind LockDoomed in its transaction.
DELETE FROM holdfast.artifact WHERE sha256 = ANY(@sha256s::TEXT[]) AND state = 'doomed';

-- name: StoredArtifacts :many
-- A page of the artifacts that should be in the store: by primary key.
SELECT sha256, size FROM holdfast.artifact WHERE sha256 > @after AND state = 'stored' ORDER BY sha256 LIMIT @page::INT8;

-- name: RemotesOfArtifact :many
-- Where an artifact can be had, and what for: by the index of digests, remotes by that of contents.
SELECT f.content_id, f.path, c.type, c.key, r.urls, r.digests
FROM holdfast.content_artifact AS f
JOIN holdfast.content AS c ON c.content_id = f.content_id
LEFT JOIN holdfast.remote_artifact AS r ON r.content_id = f.content_id AND r.path = f.path
WHERE f.sha256 = @sha256
ORDER BY f.content_id, f.path;

-- name: DeleteOldRuns :execrows
-- One page of runs that ended longer ago than the retention, and their steps: by the partial index.
WITH old AS (
  SELECT repository_id, token FROM holdfast.repository_run
  WHERE ended_at < now() - @older_than_ms::INT8 * INTERVAL '1 millisecond'
  ORDER BY ended_at, repository_id, token LIMIT @page::INT8
), steps AS (
  DELETE FROM holdfast.repository_step WHERE (repository_id, token) IN (SELECT repository_id, token FROM old) RETURNING token
)
DELETE FROM holdfast.repository_run WHERE (repository_id, token) IN (SELECT repository_id, token FROM old);

-- name: RunsOf :many
-- The runs of a repository, the newest first: by primary key.
SELECT r.token, r.state, r.version, r.cause, r.started_at, r.ended_at
FROM holdfast.repository_run AS r
WHERE r.repository_id = @repository_id
ORDER BY r.token DESC
LIMIT @page::INT8;

-- name: StepsOf :many
-- The steps of a run: by primary key.
SELECT code, message, done, total, state, updated_at FROM holdfast.repository_step
WHERE repository_id = @repository_id AND token = @token
ORDER BY code;

-- name: CountRepositories :many
-- For gauges: what the newest versions hold, by repository; by primary key.
SELECT r.name, COALESCE(v.present, 0) AS "present!", r.version
FROM holdfast.repository AS r
LEFT JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id AND v.number = r.version
ORDER BY r.name;

-- name: PageOfRepositories :many
-- A page in the order of the unique names: the newest version by primary key, and the last run by its own.
SELECT r.repository_id, r.name, r.plugin, r.retain, r.version, v.present, v.completed_at, l.state AS run_state, l.started_at, l.ended_at,
  l.cause
FROM holdfast.repository AS r
LEFT JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id AND v.number = r.version
LEFT JOIN LATERAL (
  SELECT u.state, u.started_at, u.ended_at, u.cause
  FROM holdfast.repository_run AS u
  WHERE u.repository_id = r.repository_id
  ORDER BY u.token DESC
  LIMIT 1
) AS l ON true
WHERE r.name > @after AND (sqlc.narg(prefix)::TEXT IS NULL OR left(r.name, length(sqlc.narg(prefix)::TEXT)) = sqlc.narg(prefix)::TEXT)
ORDER BY r.name
LIMIT @page::INT8;

-- name: ProgressOfRepositories :many
-- The steps of the last run of some repositories, then its stages, in the order of the names: by the unique names and primary
-- keys. A run that has ended keeps its stages as they were seen last.
SELECT r.name, l.token, l.state AS run_state, p.sort AS "sort!", p.what AS "what!", p.state AS "state!", p.done AS "done!", p.total,
  p.items_in, p.queued, p.updated_at
FROM holdfast.repository AS r
CROSS JOIN LATERAL (
  SELECT u.token, u.state, u.stages
  FROM holdfast.repository_run AS u
  WHERE u.repository_id = r.repository_id
  ORDER BY u.token DESC
  LIMIT 1
) AS l
CROSS JOIN LATERAL (
  SELECT 0::INT8 AS sort, s.code, s.message AS what, s.state, s.done, s.total, NULL::INT8 AS items_in, NULL::INT8 AS queued, s.updated_at
  FROM holdfast.repository_step AS s
  WHERE s.repository_id = r.repository_id AND s.token = l.token
  UNION ALL
  SELECT g.position, '', g.stage ->> 'stage', CASE WHEN l.state = 'running' THEN g.stage ->> 'state' ELSE 'ended' END,
    (g.stage ->> 'itemsOut')::INT8, NULL, (g.stage ->> 'itemsIn')::INT8,
    CASE WHEN l.state = 'running' THEN (g.stage ->> 'queued')::INT8 END, NULL
  FROM jsonb_array_elements(l.stages) WITH ORDINALITY AS g (stage, position)
) AS p
WHERE r.name > @after AND (sqlc.narg(name)::TEXT IS NULL OR r.name = sqlc.narg(name)::TEXT)
ORDER BY r.name, p.sort, p.code
LIMIT @page::INT8;
