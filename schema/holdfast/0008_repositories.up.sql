-- Repositories, their versions, and what is in them. A session that changes a repository holds the work on it (kind repository:sync,
-- target its name), and every write of a version proves that in its transaction. There are no foreign keys: rows go in by the
-- hundred thousand, and each is written together with what it needs. What protects content and artifacts from the garbage
-- collector is used_at: a sync that finds one which its repository does not hold yet sets it before it relies on it.

CREATE TABLE IF NOT EXISTS holdfast.repository (
  repository_id UUID NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  -- Which plugin syncs it, and its settings; null: a program does so by itself.
  plugin TEXT,
  settings JSONB NOT NULL,
  -- So many complete versions are kept; null: all.
  retain INT8 CHECK (retain > 0),
  -- Number of its newest complete version; 0: none.
  version INT8 NOT NULL DEFAULT 0,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A version that is not complete belongs to the work with its token, and nobody else sees it.
CREATE TABLE IF NOT EXISTS holdfast.repository_version (
  repository_id UUID NOT NULL,
  number INT8 NOT NULL,
  complete BOOL NOT NULL DEFAULT false,
  token INT8 NOT NULL,
  -- Against the version before, as it was when this one was completed, or when that one was deleted.
  added INT8 NOT NULL DEFAULT 0,
  removed INT8 NOT NULL DEFAULT 0,
  present INT8 NOT NULL DEFAULT 0,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  completed_at TIMESTAMPTZ,
  -- Why neither a call nor the limit of versions deletes it.
  protected TEXT,
  PRIMARY KEY (repository_id, number)
);

-- What repositories can contain. Never changed: other metadata or other digests are other content.
CREATE TABLE IF NOT EXISTS holdfast.content (
  -- Made of type and natural key, and of the fingerprint where a type lets content replace content.
  content_id UUID NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  -- What clients ask for; several contents may answer to one name.
  name TEXT NOT NULL,
  -- Natural key, as JSON, and its digest.
  key TEXT NOT NULL,
  key_id UUID NOT NULL,
  -- Of metadata, paths and digests.
  fingerprint UUID NOT NULL,
  metadata JSONB NOT NULL,
  used_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS content_name ON holdfast.content (type, name);

-- Bytes in the store, known by their digest. A row is there before its bytes are, and goes after them.
CREATE TABLE IF NOT EXISTS holdfast.artifact (
  sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(sha256) = 64),
  sha512 TEXT,
  size INT8 NOT NULL,
  -- arriving: its bytes may be there; stored: they are; doomed: they are about to be deleted.
  state TEXT NOT NULL CHECK (state IN ('arriving', 'stored', 'doomed')),
  used_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS artifact_sha512 ON holdfast.artifact (sha512) WHERE sha512 IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_unsettled ON holdfast.artifact (state, sha256) WHERE state <> 'stored';

-- Files of a content. Null: on demand, and nobody has asked for it yet.
CREATE TABLE IF NOT EXISTS holdfast.content_artifact (
  content_id UUID NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT,
  PRIMARY KEY (content_id, path)
);
CREATE INDEX IF NOT EXISTS content_artifact_sha256 ON holdfast.content_artifact (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX IF NOT EXISTS content_artifact_path ON holdfast.content_artifact (path);

-- Where a repository is filled from.
CREATE TABLE IF NOT EXISTS holdfast.remote (
  remote_id UUID NOT NULL PRIMARY KEY,
  repository_id UUID NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (repository_id, name)
);

-- Where a remote has a file of a content, and what it says of it.
CREATE TABLE IF NOT EXISTS holdfast.remote_artifact (
  remote_id UUID NOT NULL,
  content_id UUID NOT NULL,
  path TEXT NOT NULL,
  urls JSONB NOT NULL,
  digests JSONB NOT NULL,
  size INT8,
  -- Of the three above.
  fingerprint UUID NOT NULL,
  PRIMARY KEY (remote_id, content_id, path)
);
CREATE INDEX IF NOT EXISTS remote_artifact_content ON holdfast.remote_artifact (content_id);

-- A repository holds a content from the version that added it until the one that removed it. One content a natural key.
CREATE TABLE IF NOT EXISTS holdfast.repository_content (
  repository_id UUID NOT NULL,
  key_id UUID NOT NULL,
  version_added INT8 NOT NULL,
  version_removed INT8,
  content_id UUID NOT NULL,
  -- Digest of all that a remote declared of it last: metadata, files and where they can be had. Null: nobody has.
  declared UUID,
  PRIMARY KEY (repository_id, key_id, version_added)
);
CREATE INDEX IF NOT EXISTS repository_content_content ON holdfast.repository_content (content_id);

-- Each sync or change of a repository, and what became of it.
CREATE TABLE IF NOT EXISTS holdfast.repository_run (
  repository_id UUID NOT NULL,
  token INT8 NOT NULL,
  state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'partial', 'failed', 'canceled')),
  -- The version that it completed; null: nothing changed, or it did not complete.
  version INT8,
  cause TEXT,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (repository_id, token)
);
CREATE INDEX IF NOT EXISTS repository_run_running ON holdfast.repository_run (repository_id, token) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS repository_run_ended ON holdfast.repository_run (ended_at) WHERE ended_at IS NOT NULL;

-- How far each step of a run is.
CREATE TABLE IF NOT EXISTS holdfast.repository_step (
  repository_id UUID NOT NULL,
  token INT8 NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  done INT8 NOT NULL,
  -- Null: nobody knows.
  total INT8,
  state TEXT NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'canceled')),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (repository_id, token, code)
);
