-- Schemas as people write them, beside the plain ones: names that clash, computed columns, domains.
CREATE TYPE "My Type" AS ENUM ('quoted');
CREATE TYPE my_type AS ENUM ('plain');
CREATE TYPE "Date" AS ENUM ('monday');
CREATE TYPE "Interval" AS ENUM ('short');
CREATE DOMAIN positive AS INT4 NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN price AS NUMERIC(12, 2);
CREATE TYPE home_address AS (street_name TEXT, "streetName" TEXT, house_number INT4);
CREATE TABLE person (
  id INT4 NOT NULL PRIMARY KEY,
  born_at TIMESTAMPTZ NOT NULL,
  nick TEXT,
  age positive,
  twice INT4 GENERATED ALWAYS AS (id * 2) STORED,
  nick_length INT4 GENERATED ALWAYS AS (length(nick)) STORED,
  cost price NOT NULL,
  home home_address,
  tags TEXT[] NOT NULL,
  places BOX[] NOT NULL,
  quoted "My Type" NOT NULL,
  plain my_type NOT NULL,
  day "Date" NOT NULL,
  long "Interval" NOT NULL,
  lasts INTERVAL NOT NULL,
  score FLOAT8 NOT NULL,
  extra JSONB
);
CREATE TABLE visit (id INT4 NOT NULL PRIMARY KEY, person_id INT4 NOT NULL, note TEXT, friend person);
CREATE MATERIALIZED VIEW counted AS SELECT person_id, count(*) AS visits, max(note) AS note FROM visit GROUP BY person_id;
