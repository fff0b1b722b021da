-- Tag: an operating system is to be installed. A higher generation replaces whatever was asked before.
CREATE TABLE IF NOT EXISTS fleet.machine_os_installation_request (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  generation INT8 NOT NULL,
  os_image TEXT NOT NULL,
  requested_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Tag: how the installation of that generation ended. A request is pending while its generation is not here.
CREATE TABLE IF NOT EXISTS fleet.machine_os_installation_report (
  machine_id UUID NOT NULL PRIMARY KEY REFERENCES fleet.machine (machine_id),
  generation INT8 NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('success', 'failure')),
  detail TEXT,
  reported_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
