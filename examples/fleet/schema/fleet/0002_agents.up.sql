-- Counts the starts of agents on a machine: a fencing token for the provider. It is taken while holding the
-- work, by whichever process starts agents, so a later start always has the higher epoch and a provider can
-- refuse (and an agent can notice) an older one.
CREATE TABLE IF NOT EXISTS fleet.machine_agent_epoch (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  epoch INT8 NOT NULL
);

-- Tag: an agent was started, and will sign its requests with the private half of this ed25519 key (32 bytes).
CREATE TABLE IF NOT EXISTS fleet.machine_agent_started (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  epoch INT8 NOT NULL,
  agent_public_key BYTEA NOT NULL,
  agent_started_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Tag: the last request that the present agent made. Its nonce only grows: a repeated request is refused by
-- every replica of the API. Removed when another agent is started.
CREATE TABLE IF NOT EXISTS fleet.machine_agent_heartbeat (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  agent_heartbeat_at TIMESTAMPTZ NOT NULL,
  nonce INT8 NOT NULL
);

-- Tag: what the agent found in the machine.
CREATE TABLE IF NOT EXISTS fleet.machine_hardware_report (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  report JSONB NOT NULL,
  reported_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
