CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy', 'it''s');
CREATE TYPE address AS (street TEXT, number INT4, moods mood[]);
CREATE DOMAIN percent AS INT4 CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE everything (
  id INT8 NOT NULL PRIMARY KEY,
  a_bool BOOL NOT NULL,
  a_int2 INT2 NOT NULL,
  a_int4 INT4 NOT NULL,
  a_float4 FLOAT4 NOT NULL,
  a_float8 FLOAT8 NOT NULL,
  a_numeric NUMERIC(20, 5) NOT NULL,
  a_text TEXT NOT NULL,
  a_varchar VARCHAR(10) NOT NULL,
  a_char CHAR(3) NOT NULL,
  a_uuid UUID NOT NULL,
  a_bytea BYTEA NOT NULL,
  a_date DATE NOT NULL,
  a_time TIME NOT NULL,
  a_timestamp TIMESTAMP NOT NULL,
  a_timestamptz TIMESTAMPTZ NOT NULL,
  an_interval INTERVAL NOT NULL,
  a_json JSON NOT NULL,
  a_jsonb JSONB NOT NULL,
  a_mood mood NOT NULL,
  moods mood[] NOT NULL,
  texts TEXT[] NOT NULL,
  ints INT8[] NOT NULL,
  an_address address NOT NULL,
  a_percent percent NOT NULL,
  an_inet INET NOT NULL,
  a_range INT4RANGE NOT NULL,
  maybe_mood mood
);
COMMENT ON COLUMN everything.a_text IS 'Free text, for people.';
