-- Leases and the resources that they are of, after Phabricator's Drydock.
CREATE SCHEMA IF NOT EXISTS leases;

-- The one kind of work that writes a lease or a resource while it is in a phase. Each statement that writes one looks
-- here.
CREATE TABLE IF NOT EXISTS leases.phase (
  object TEXT NOT NULL CHECK (object IN ('lease', 'resource')),
  phase TEXT NOT NULL,
  writer TEXT NOT NULL,
  PRIMARY KEY (object, phase)
);
INSERT INTO leases.phase (object, phase, writer) VALUES
  ('lease', 'unsaved', 'requester'),
  ('lease', 'pending', 'lease:allocate'),
  ('lease', 'acquired', 'lease:activate'),
  ('lease', 'active', 'lease:commands'),
  ('lease', 'released', 'lease:destroy'),
  ('lease', 'broken', 'lease:destroy'),
  ('lease', 'destroyed', 'nobody'),
  ('resource', 'unsaved', 'lease:allocate'),
  ('resource', 'pending', 'resource:create'),
  ('resource', 'active', 'resource:commands'),
  ('resource', 'released', 'resource:destroy'),
  ('resource', 'broken', 'resource:destroy'),
  ('resource', 'destroyed', 'nobody')
ON CONFLICT (object, phase) DO NOTHING;

-- What can be leased, and how many leases a resource of it bears.
CREATE TABLE IF NOT EXISTS leases.blueprint (
  name TEXT NOT NULL PRIMARY KEY,
  slots INT8 NOT NULL CHECK (slots BETWEEN 1 AND 64)
);
INSERT INTO leases.blueprint (name, slots) VALUES ('port', 4), ('folder', 2) ON CONFLICT (name) DO NOTHING;

-- A resource has a folder on its host with a process in it; a port has a process that listens.
CREATE TABLE IF NOT EXISTS leases.resource (
  name TEXT NOT NULL PRIMARY KEY,
  -- Where it is: workers of that host create and destroy it.
  host TEXT NOT NULL,
  blueprint TEXT NOT NULL,
  slots INT8 NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('pending', 'active', 'released', 'destroyed', 'broken')),
  phase_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- Written down before it is opened.
  port INT8
);
CREATE INDEX IF NOT EXISTS resource_phase ON leases.resource (host, phase, phase_at, name);

CREATE TABLE IF NOT EXISTS leases.lease (
  name TEXT NOT NULL PRIMARY KEY,
  host TEXT NOT NULL,
  blueprint TEXT NOT NULL,
  -- Slots that it needs, of one resource.
  slots INT8 NOT NULL CHECK (slots > 0),
  phase TEXT NOT NULL CHECK (phase IN ('pending', 'acquired', 'active', 'released', 'destroyed', 'broken')),
  phase_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- From the time when it is acquired.
  resource TEXT,
  -- How long it is active, unless it is released before or extended.
  ttl_ms INT8 NOT NULL,
  expires_at TIMESTAMPTZ
);
CREATE INDEX IF NOT EXISTS lease_phase ON leases.lease (host, phase, phase_at, name);
CREATE INDEX IF NOT EXISTS lease_expiry ON leases.lease (host, expires_at) WHERE phase = 'active';

-- Slot locks: taken when a lease is acquired, all that it needs or none, and held until it is destroyed.
CREATE TABLE IF NOT EXISTS leases.slot (
  resource TEXT NOT NULL,
  slot INT8 NOT NULL,
  lease TEXT NOT NULL,
  PRIMARY KEY (resource, slot)
);
CREATE INDEX IF NOT EXISTS slot_lease ON leases.slot (lease);

-- Every change of phase, with the work that made it. Nothing enters a phase twice.
CREATE TABLE IF NOT EXISTS leases.change (
  object TEXT NOT NULL,
  name TEXT NOT NULL,
  phase TEXT NOT NULL,
  at TIMESTAMPTZ NOT NULL DEFAULT now(),
  writer TEXT NOT NULL,
  -- Target and token of the writer's work; null for who asks for a lease.
  target TEXT,
  token INT8,
  PRIMARY KEY (object, name, phase)
);
