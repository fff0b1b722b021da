CREATE TYPE phase AS ENUM ('new', 'ready', 'gone');
CREATE TABLE site (
  site_id UUID NOT NULL DEFAULT gen_random_uuid(),
  name STRING NOT NULL,
  phase phase NOT NULL DEFAULT 'new',
  former phase,
  tags STRING[] NOT NULL DEFAULT ARRAY[]:::STRING[],
  ports INT[],
  detail JSONB NOT NULL DEFAULT '{}',
  extra JSONB,
  lease INTERVAL NOT NULL DEFAULT '1 day',
  grace INTERVAL,
  image BYTES NOT NULL DEFAULT b'\x00',
  slug STRING NOT NULL AS (lower(name)) STORED,
  short STRING AS (substr(name, 1, 3)) VIRTUAL,
  weight DECIMAL(10, 2) NOT NULL DEFAULT 1,
  ratio FLOAT8,
  seats INT4 NOT NULL DEFAULT 0,
  CONSTRAINT site_pkey PRIMARY KEY (site_id ASC),
  UNIQUE INDEX site_name (name ASC) STORING (phase, seats),
  INDEX site_phase (phase, site_id) STORING (name) WHERE phase != 'gone',
  INVERTED INDEX site_detail (detail),
  FAMILY cold (site_id, name, phase, former, tags, ports, detail, extra, image, slug, weight, ratio),
  FAMILY hot (lease, grace, seats)
);
CREATE TABLE log_line (line STRING NOT NULL, level INT2, site_id UUID REFERENCES site (site_id));
CREATE VIEW ready_site AS SELECT site_id, name, former, seats + 1 AS places FROM site@site_name WHERE phase = 'ready';
CREATE VIEW site_line (id, said, loud) AS
  SELECT s.site_id, l.line, upper(l.line) FROM site AS s LEFT JOIN log_line AS l ON l.site_id = s.site_id;
