-- The reference fleet. A machine is a row; everything known about it is a tag: one narrow table each, keyed by
-- the machine, present or absent. A component finds its work by which tags are there, and records its result
-- by adding one, so adding a component never widens another's table.
CREATE SCHEMA IF NOT EXISTS fleet;

-- What the inventory wants. The name is the inventory's; the id is the target of all work on the machine.
CREATE TABLE IF NOT EXISTS fleet.machine (
  machine_id UUID NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
  name TEXT NOT NULL UNIQUE,
  provider TEXT NOT NULL,
  -- The operating system that the inventory wants on it; null for none.
  os_image TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Tag: the provider runs a machine for it, known there as provider_id.
CREATE TABLE IF NOT EXISTS fleet.machine_provided (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  provider TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  provided_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  UNIQUE (provider, provider_id)
);

-- Tag: provided once, but the provider no longer lists it. Cleared when it is provided again.
CREATE TABLE IF NOT EXISTS fleet.machine_missing (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  since TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Tag: the inventory no longer lists it; to be destroyed and forgotten.
CREATE TABLE IF NOT EXISTS fleet.machine_unwanted (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  since TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- When each provider was last compared with the inventory and the tags.
CREATE TABLE IF NOT EXISTS fleet.reconciliation (
  provider TEXT NOT NULL PRIMARY KEY,
  reconciled_at TIMESTAMPTZ NOT NULL
);
