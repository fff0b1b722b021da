-- Changes that somebody has asked of a target, one row each. The holder of the work on the target carries them out, and marks
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
