CREATE TABLE machine (
  machine_id UUID NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  name STRING NOT NULL,
  serial STRING(20),
  firmware BYTES,
  slots INT NOT NULL,
  seen_at TIMESTAMPTZ NOT NULL,
  INDEX machine_name (name) STORING (slots),
  FAMILY cold (machine_id, name, serial, firmware),
  FAMILY hot (slots, seen_at)
);
CREATE TABLE slot (
  machine_id UUID NOT NULL REFERENCES machine (machine_id),
  number INT NOT NULL,
  content JSONB,
  PRIMARY KEY (machine_id, number)
);
CREATE VIEW empty_slot AS SELECT machine_id, number FROM slot WHERE content IS NULL;
