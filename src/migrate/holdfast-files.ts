// Made from schema/holdfast by npm run compile; do not edit.

/** The library's own migrations by file name. */
export const holdfastFiles: Readonly<Record<string, string>> = {
  '0001_sessions.down.sql': `DROP VIEW IF EXISTS holdfast.live_session;
DROP TABLE IF EXISTS holdfast.session_deadline;
DROP TABLE IF EXISTS holdfast.session;
`,
  '0001_sessions.up.sql': `-- A session is one worker's proof of life. Identity and deadline are two tables on purpose: every
-- transaction reads the identity row (the fence), every heartbeat writes the deadline row, so heartbeats
-- never disturb a transaction.

-- A take-over of a dead session's work deletes its row here; that absence is what fences it.
CREATE TABLE IF NOT EXISTS holdfast.session (
  session_id UUID NOT NULL PRIMARY KEY,
  component TEXT NOT NULL,
  instance TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  interval_ms INT8 NOT NULL CHECK (interval_ms > 0),
  -- Claims in one statement are numbered by their session. One up to this number that has not taken effect never
  -- will: how a claim whose answer was lost is settled.
  void_claims INT8 NOT NULL DEFAULT 0
);

-- Narrow and hot: one update per session and heartbeat. No secondary index, so the update stays in place.
CREATE TABLE IF NOT EXISTS holdfast.session_deadline (
  session_id UUID NOT NULL PRIMARY KEY,
  deadline TIMESTAMPTZ NOT NULL,
  interval_ms INT8 NOT NULL CHECK (interval_ms > 0)
);

-- Liveness for anyone's SQL: join it, or test with EXISTS.
CREATE OR REPLACE VIEW holdfast.live_session AS
  SELECT s.session_id, s.component, s.instance, s.created_at, s.interval_ms, d.deadline
  FROM holdfast.session AS s
  JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
  WHERE d.deadline > now();
`,
  '0002_work.down.sql': `DROP VIEW IF EXISTS holdfast.unavailable_work;
DROP VIEW IF EXISTS holdfast.quarantined_work;
DROP VIEW IF EXISTS holdfast.active_work;
DROP VIEW IF EXISTS holdfast.work_history;
DROP TABLE IF EXISTS holdfast.intervention;
DROP TABLE IF EXISTS holdfast.ended_work;
DROP TABLE IF EXISTS holdfast.work;
DROP TABLE IF EXISTS holdfast.kind;
`,
  '0002_work.up.sql': `-- What operators and programs decide about a kind of work. A kind without a row has the defaults. Read by every
-- claim, by primary key.
CREATE TABLE IF NOT EXISTS holdfast.kind (
  kind TEXT NOT NULL PRIMARY KEY,
  -- Not null: nothing of this kind is claimed.
  paused_at TIMESTAMPTZ,
  paused_cause TEXT,
  -- A target that failed or was abandoned so many times in a row is quarantined; null: never.
  quarantine_after INT8 CHECK (quarantine_after > 0),
  -- False: work that finishes leaves no row in ended_work. Null: true.
  keep_finished BOOL
);

-- Exclusive work. One row per (kind, target) that was ever claimed. The token only grows, also when the row was
-- deleted in between, since a new row begins with the milliseconds since 1970. A row is free when holder is null
-- or the holder's session is gone or past its deadline. Lock keys of exclusion groups are rows too; their kind is
-- 'group:' and the group's name.
--
-- Hot: written when work is claimed and when it ends, so it has no secondary index, and half of each page is left
-- free: the second write then stays beside the first and touches no index (PostgreSQL).
CREATE TABLE IF NOT EXISTS holdfast.work (
  target TEXT NOT NULL,
  kind TEXT NOT NULL,
  token INT8 NOT NULL,
  holder UUID,
  -- When the claim with this token began.
  started_at TIMESTAMPTZ,
  -- Number of the claim statement that took it, among those of its holder.
  claim INT8,
  -- Not claimable before this time: it backs off, or it is parked.
  not_before TIMESTAMPTZ,
  -- Backoff: the last period in whole seconds, before jitter.
  backoff_seconds INT8,
  -- Who held it when it was taken over; null when it was free. Guards the take-over.
  taken_from UUID,
  backoff_cause TEXT,
  -- Ends without a finish in a row: failed or abandoned. Null is 0.
  failures INT8,
  -- True while not_before is that of a park. False: the claim found no row, and made this one.
  parked BOOL,
  -- True when it was woken while it was held: a park then does not last.
  woken BOOL,
  PRIMARY KEY (target, kind)
) WITH (fillfactor = 50);

-- Claims that have ended, one row each, start and end: written once, in the commit that ends it. No foreign keys,
-- so it outlives its target and its session.
CREATE TABLE IF NOT EXISTS holdfast.ended_work (
  target TEXT NOT NULL,
  kind TEXT NOT NULL,
  token INT8 NOT NULL,
  session_id UUID NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  -- By the clock and not by the start of the transaction, so that the next start is later.
  ended_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  event TEXT NOT NULL CHECK (event IN ('finished', 'failed', 'canceled', 'parked', 'abandoned')),
  cause TEXT,
  PRIMARY KEY (target, kind, token)
);

-- What operators did: one row each. The target is null where the whole kind is meant.
CREATE TABLE IF NOT EXISTS holdfast.intervention (
  intervention_id UUID NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
  kind TEXT NOT NULL,
  target TEXT,
  event TEXT NOT NULL CHECK (event IN ('released', 'paused', 'resumed')),
  at TIMESTAMPTZ NOT NULL DEFAULT now(),
  cause TEXT
);
CREATE INDEX IF NOT EXISTS intervention_target ON holdfast.intervention (target, kind, at);

-- What happened, once each: every claim that was made, under way or over, every end, and what operators did.
CREATE OR REPLACE VIEW holdfast.work_history AS
  SELECT e.target, e.kind, e.token, 'started' AS event, e.session_id, e.started_at AS at, NULL::TEXT AS cause
  FROM holdfast.ended_work AS e
  UNION ALL
  SELECT e.target, e.kind, e.token, e.event, e.session_id, e.ended_at, e.cause
  FROM holdfast.ended_work AS e
  UNION ALL
  SELECT w.target, w.kind, w.token, 'started', w.holder, w.started_at, NULL::TEXT
  FROM holdfast.work AS w
  WHERE w.holder IS NOT NULL AND w.kind NOT LIKE 'group:%'
  UNION ALL
  SELECT i.target, i.kind, NULL::INT8, i.event, NULL::UUID, i.at, i.cause
  FROM holdfast.intervention AS i;

-- Work that a live session holds now.
CREATE OR REPLACE VIEW holdfast.active_work AS
  SELECT w.kind, w.target, w.holder AS session_id, w.token, w.started_at
  FROM holdfast.work AS w
  JOIN holdfast.session AS s ON s.session_id = w.holder
  JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  WHERE d.deadline > now();

-- Targets that no claim takes until an operator releases them, and why.
CREATE OR REPLACE VIEW holdfast.quarantined_work AS
  SELECT w.kind, w.target, w.token, COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END AS failures, w.started_at,
    CASE WHEN w.holder IS NULL THEN w.backoff_cause ELSE 'abandoned' END AS cause
  FROM holdfast.work AS w
  JOIN holdfast.kind AS k ON k.kind = w.kind
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  WHERE COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
    AND (d.deadline IS NULL OR d.deadline <= now());

-- What a claim would refuse now: held by a live session, backing off (also because its holders died), parked,
-- quarantined, or of a kind that is paused. For NOT EXISTS in retrievals.
CREATE OR REPLACE VIEW holdfast.unavailable_work AS
  SELECT w.kind, w.target
  FROM holdfast.work AS w
  LEFT JOIN holdfast.session AS s ON s.session_id = w.holder
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = w.kind
  -- The first condition says nothing new: it leaves out at once what has finished, which is most of the table.
  WHERE (w.holder IS NOT NULL OR w.not_before IS NOT NULL OR w.failures > 0
      OR w.kind IN (SELECT p.kind FROM holdfast.kind AS p WHERE p.paused_at IS NOT NULL))
    AND ((s.session_id IS NOT NULL AND d.deadline > now()) OR w.not_before > now()
    OR k.paused_at IS NOT NULL
    OR COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
    OR (w.holder IS NOT NULL AND w.failures > 0 AND w.kind NOT LIKE 'group:%' AND
      w.started_at > now() - LEAST(64, power(2::FLOAT8, LEAST(w.failures, 6)::FLOAT8)) * INTERVAL '1 second'));
`,
  '0003_commit_markers.down.sql': `DROP TABLE IF EXISTS holdfast.commit_marker;
`,
  '0003_commit_markers.up.sql': `-- A transaction with a commit marker inserts its own id here; after an ambiguous commit the row's presence
-- tells the outcome. Swept by the janitor.
CREATE TABLE IF NOT EXISTS holdfast.commit_marker (
  marker_id UUID NOT NULL PRIMARY KEY,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- False when the row was put there to resolve an ambiguity, to keep the transaction from committing.
  committed BOOL NOT NULL
);
`,
  '0004_topics.down.sql': `DROP TABLE IF EXISTS holdfast.topic;
`,
  '0004_topics.up.sql': `-- What was announced, for who waits for it: the sum of a topic's versions has grown since. A topic has several rows, of
-- which each announcement takes one at random, so that transactions that announce the same topic seldom meet.
CREATE TABLE IF NOT EXISTS holdfast.topic (
  topic TEXT NOT NULL,
  shard INT8 NOT NULL,
  version INT8 NOT NULL,
  PRIMARY KEY (topic, shard)
);
`,
  '0005_operations.down.sql': `DROP VIEW IF EXISTS holdfast.operation_status;
DROP TABLE IF EXISTS holdfast.deleted_target;
DROP TABLE IF EXISTS holdfast.operation;
`,
  '0005_operations.up.sql': `-- Named operations of targets, one row each. WORKING is not a state of it: it is what a live session holds, which the
-- lock row of the same target and kind knows, so nothing has to be put right when a worker dies.
CREATE TABLE IF NOT EXISTS holdfast.operation (
  target TEXT NOT NULL,
  -- Kind of the work that carries it out: the pipeline's name, a colon, the operation's name.
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('READY', 'OK', 'WARNING', 'FAILED')),
  message TEXT,
  -- Generations: how often it was asked for, and which of them the last settled state is of.
  requested INT8 NOT NULL,
  done INT8 NOT NULL DEFAULT 0,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- When its state changed last: the order in which it is taken.
  changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (target, kind)
);
CREATE INDEX IF NOT EXISTS operation_ready ON holdfast.operation (kind, changed_at, target) WHERE state = 'READY';

-- Targets that were deleted: nothing makes an operation of them again.
CREATE TABLE IF NOT EXISTS holdfast.deleted_target (
  pipeline TEXT NOT NULL,
  target TEXT NOT NULL,
  deleted_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, target)
);

-- What an operator sees of an operation: who works on it, how many attempts there were without an end of it, and
-- whether they are used up.
CREATE OR REPLACE VIEW holdfast.operation_status AS
  SELECT o.target, o.kind,
    CASE WHEN d.deadline > now() THEN 'WORKING'
      WHEN o.state = 'READY' AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
        THEN 'FAILED'
      ELSE o.state END AS state,
    CASE WHEN o.state = 'READY' AND w.failures > 0 THEN COALESCE(w.backoff_cause, o.message) ELSE o.message END AS message,
    o.requested, o.done,
    COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END AS attempts,
    CASE WHEN d.deadline > now() THEN w.holder END AS session_id, o.created_at, o.changed_at
  FROM holdfast.operation AS o
  LEFT JOIN holdfast.work AS w ON w.target = o.target AND w.kind = o.kind
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = o.kind;
`,
  '0006_commands.down.sql': `DROP TABLE IF EXISTS holdfast.note;
DROP TABLE IF EXISTS holdfast.command_queue;
DROP TABLE IF EXISTS holdfast.command_target;
DROP TABLE IF EXISTS holdfast.command;
`,
  '0006_commands.up.sql': `-- Changes that somebody has asked of a target, one row each. The holder of the work on the target carries them out, and marks
-- each in the transaction that changes the target.
CREATE TABLE IF NOT EXISTS holdfast.command (
  -- Kind of the work that carries it out: the queue's name and ':commands'.
  queue TEXT NOT NULL,
  target TEXT NOT NULL,
  -- 1, 2, 3 for each target, without a gap, in the order in which the commands were committed.
  sequence INT8 NOT NULL,
  command TEXT NOT NULL,
  args JSONB NOT NULL,
  author TEXT NOT NULL,
  -- Two commands of a target with the same key are one.
  key TEXT,
  state TEXT NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'consumed', 'rejected', 'superseded', 'failed', 'canceled')),
  -- Why it has ended so, or why it waits.
  reason TEXT,
  result JSONB,
  -- How often its handler threw.
  attempts INT8 NOT NULL DEFAULT 0,
  -- Not tried before this time.
  not_before TIMESTAMPTZ,
  -- It goes before others that wait.
  overtakes BOOL NOT NULL,
  -- Somebody waits for its end.
  awaited BOOL NOT NULL,
  -- Of the sender, as its propagator wrote it.
  trace_context JSONB,
  sent_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (queue, target, sequence)
);
CREATE UNIQUE INDEX IF NOT EXISTS command_key ON holdfast.command (queue, target, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS command_pending ON holdfast.command (queue, target, sequence) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS command_overtaking ON holdfast.command (queue, target, sequence)
  WHERE state = 'pending' AND overtakes;

-- Targets that were ever sent a command, one row each: the last number given, and when to look at what is pending.
-- Written by each send and each end, so senders of one target take their turns here.
CREATE TABLE IF NOT EXISTS holdfast.command_target (
  queue TEXT NOT NULL,
  target TEXT NOT NULL,
  last_sequence INT8 NOT NULL,
  -- Null: nothing is pending.
  due_at TIMESTAMPTZ,
  PRIMARY KEY (queue, target)
);
CREATE INDEX IF NOT EXISTS command_target_due ON holdfast.command_target (queue, due_at, target) WHERE due_at IS NOT NULL;

-- The commands that consumers of a queue know, with a JSON schema of their arguments: for programs that have no declaration
-- of it, such as the command line.
CREATE TABLE IF NOT EXISTS holdfast.command_queue (
  queue TEXT NOT NULL PRIMARY KEY,
  commands JSONB NOT NULL
);

-- What a component keeps beside a target: only a session of that component writes it.
CREATE TABLE IF NOT EXISTS holdfast.note (
  queue TEXT NOT NULL,
  target TEXT NOT NULL,
  owner TEXT NOT NULL,
  value JSONB NOT NULL,
  version INT8 NOT NULL,
  PRIMARY KEY (queue, target, owner)
);
`,
  '0007_workflows.down.sql': `DROP VIEW IF EXISTS holdfast.workflow_status;
DROP TABLE IF EXISTS holdfast.workflow_definition;
DROP TABLE IF EXISTS holdfast.workflow_signal;
DROP TABLE IF EXISTS holdfast.workflow_history;
DROP TABLE IF EXISTS holdfast.workflow;
`,
  '0007_workflows.up.sql': `-- Instances of workflows, one row each. Whether a worker holds one is for its lock row to say (kind: workflow: and the
-- name). What is in flight was written before its action began, with its arguments, so a worker that dies leaves nothing
-- to be guessed. From one step to the next due_at stays, so that on PostgreSQL the row is written without its indexes, in the
-- room that each page keeps free for it.
CREATE TABLE IF NOT EXISTS holdfast.workflow (
  workflow TEXT NOT NULL,
  target TEXT NOT NULL,
  -- Version of the definition that it follows.
  version INT8 NOT NULL,
  -- Null: the initial state.
  state TEXT,
  variables JSONB NOT NULL,
  entered_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- The transition in flight, its arguments, how often its action was begun, and when it was first.
  in_flight TEXT,
  arguments JSONB,
  attempt INT8 NOT NULL DEFAULT 0,
  in_flight_at TIMESTAMPTZ,
  -- How many transitions were begun; the number of one, with workflow and target, is its idempotency key.
  intents INT8 NOT NULL DEFAULT 0,
  -- Raised by every write of a holder, which names the one it read: one whose answer was lost cannot come late.
  revision INT8 NOT NULL DEFAULT 0,
  -- Raised by whatever wants the instance looked at: a holder that rests names the number it read.
  wakes INT8 NOT NULL DEFAULT 0,
  -- The only thing that a claim looks at: something is to be done at this time. Null: it waits, and costs nothing.
  due_at TIMESTAMPTZ,
  -- Why nobody goes on with it before an operator has decided.
  stuck TEXT,
  canceled_at TIMESTAMPTZ,
  cancel_reason TEXT,
  -- The intent that carried the cancel out.
  cancel_intent INT8,
  -- Of the key and the variables that it was started with: tells a second start from another one.
  start_digest TEXT NOT NULL,
  -- Who waits for its end.
  parent_workflow TEXT,
  parent_target TEXT,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (workflow, target)
) WITH (fillfactor = 70);
-- What is due, the longest first; the version keeps workers off the rows of versions that they do not run.
CREATE INDEX IF NOT EXISTS workflow_due ON holdfast.workflow (workflow, due_at, version, target) WHERE due_at IS NOT NULL;
-- For the sweep.
CREATE INDEX IF NOT EXISTS workflow_ended ON holdfast.workflow (ended_at) WHERE ended_at IS NOT NULL;

-- Every intent and every outcome, once each, never changed.
CREATE TABLE IF NOT EXISTS holdfast.workflow_history (
  workflow TEXT NOT NULL,
  target TEXT NOT NULL,
  intent INT8 NOT NULL,
  attempt INT8 NOT NULL,
  -- started; fired (about to run an action); done; failed (state unchanged, or an error transition follows); stuck;
  -- canceled (asked for); ended; migrated; what an operator did: retried, skipped, forced.
  event TEXT NOT NULL CHECK (event IN
    ('started', 'fired', 'done', 'failed', 'stuck', 'canceled', 'ended', 'migrated', 'retried', 'skipped', 'forced')),
  at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  transition TEXT,
  -- The state afterwards.
  state TEXT,
  -- Arguments of what was fired, variables of all else that changes them.
  data JSONB,
  message TEXT,
  PRIMARY KEY (workflow, target, intent, attempt, event, at)
);

-- What was said to instances, kept until a state that waits for it takes it, oldest first.
CREATE TABLE IF NOT EXISTS holdfast.workflow_signal (
  workflow TEXT NOT NULL,
  target TEXT NOT NULL,
  name TEXT NOT NULL,
  -- Given twice, a signal is one.
  key TEXT NOT NULL,
  payload JSONB NOT NULL,
  at TIMESTAMPTZ NOT NULL DEFAULT now(),
  consumed_at TIMESTAMPTZ,
  PRIMARY KEY (workflow, target, name, key)
);

-- Definitions as their programs wrote them down: for diagrams and for operators.
CREATE TABLE IF NOT EXISTS holdfast.workflow_definition (
  workflow TEXT NOT NULL,
  version INT8 NOT NULL,
  definition JSONB NOT NULL,
  PRIMARY KEY (workflow, version)
);

-- What an operator sees of an instance: also who works on it, and whether its workers died too often.
CREATE OR REPLACE VIEW holdfast.workflow_status AS
  SELECT i.workflow, i.target, i.version, i.state, i.variables, i.entered_at, i.in_flight, i.arguments, i.attempt,
    i.in_flight_at, i.intents, i.due_at, i.canceled_at, i.cancel_reason, i.parent_workflow, i.parent_target,
    i.started_at, i.ended_at,
    CASE WHEN d.deadline > now() THEN w.holder END AS session_id,
    COALESCE(i.stuck,
      CASE WHEN i.ended_at IS NULL AND (d.deadline IS NULL OR d.deadline <= now())
          AND COALESCE(w.failures, 0) + CASE WHEN w.holder IS NULL THEN 0 ELSE 1 END >= k.quarantine_after
        THEN COALESCE(w.backoff_cause, 'its workers died') END) AS stuck
  FROM holdfast.workflow AS i
  LEFT JOIN holdfast.work AS w ON w.target = i.target AND w.kind = 'workflow:' || i.workflow
  LEFT JOIN holdfast.session_deadline AS d ON d.session_id = w.holder
  LEFT JOIN holdfast.kind AS k ON k.kind = 'workflow:' || i.workflow;
`,
  '0008_repositories.down.sql': `DROP TABLE IF EXISTS holdfast.repository_step;
DROP TABLE IF EXISTS holdfast.repository_run;
DROP TABLE IF EXISTS holdfast.repository_content;
DROP TABLE IF EXISTS holdfast.remote_artifact;
DROP TABLE IF EXISTS holdfast.remote;
DROP TABLE IF EXISTS holdfast.content_artifact;
DROP TABLE IF EXISTS holdfast.artifact;
DROP TABLE IF EXISTS holdfast.content;
DROP TABLE IF EXISTS holdfast.repository_version;
DROP TABLE IF EXISTS holdfast.repository;
`,
  '0008_repositories.up.sql': `-- Repositories, their versions, and what is in them. A session that changes a repository holds the work on it (kind repository:sync,
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
`,
  '0009_console.down.sql': `DROP INDEX IF EXISTS holdfast.workflow_stuck;
DROP INDEX IF EXISTS holdfast.operation_failed;
DROP INDEX IF EXISTS holdfast.ended_work_recent;
`,
  '0009_console.up.sql': `-- For the console: what ended in the last minutes, by kind, and what waits for an operator.
CREATE INDEX IF NOT EXISTS ended_work_recent ON holdfast.ended_work (kind, ended_at);
CREATE INDEX IF NOT EXISTS operation_failed ON holdfast.operation (kind, target) WHERE state = 'FAILED';
CREATE INDEX IF NOT EXISTS workflow_stuck ON holdfast.workflow (workflow, target) WHERE stuck IS NOT NULL;
`,
  '0010_traces.down.sql': `ALTER TABLE holdfast.workflow_signal DROP COLUMN IF EXISTS trace_context;
ALTER TABLE holdfast.workflow DROP COLUMN IF EXISTS trace_context;
`,
  '0010_traces.up.sql': `-- Who asked for it: the trace context, as the program's propagator wrote it, that the spans of the work link to. Null: none.
ALTER TABLE holdfast.workflow ADD COLUMN IF NOT EXISTS trace_context JSONB;
ALTER TABLE holdfast.workflow_signal ADD COLUMN IF NOT EXISTS trace_context JSONB;
`,
  '0011_stages.down.sql': `ALTER TABLE holdfast.repository_run DROP COLUMN IF EXISTS stages;
`,
  '0011_stages.up.sql': `-- Where the items of a sync are: its pipeline's stages, in their order, as they were a few seconds ago: an array of
-- {"stage", "state", "itemsIn", "itemsOut", "queued"}. Null: it has no pipeline, or a release before wrote it.
ALTER TABLE holdfast.repository_run ADD COLUMN IF NOT EXISTS stages JSONB;
`,
  '0012_command_ended.down.sql': `DROP INDEX IF EXISTS holdfast.command_ended;
`,
  '0012_command_ended.up.sql': `-- For the sweep: what ended first.
CREATE INDEX IF NOT EXISTS command_ended ON holdfast.command (ended_at) WHERE ended_at IS NOT NULL;
`,
};
