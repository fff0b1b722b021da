SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA app;
SET search_path TO app;
CREATE TABLE note (body TEXT NOT NULL);
