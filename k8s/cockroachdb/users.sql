-- Run by root, who alone may. Users have no password: each proves itself by its certificate.
CREATE DATABASE IF NOT EXISTS fleet;
CREATE USER IF NOT EXISTS migrate;
CREATE USER IF NOT EXISTS provisioner;
CREATE USER IF NOT EXISTS initializer;
CREATE USER IF NOT EXISTS recoverer;
CREATE USER IF NOT EXISTS installer;
CREATE USER IF NOT EXISTS "agent-api";
CREATE USER IF NOT EXISTS janitor;
CREATE USER IF NOT EXISTS console;
ALTER DATABASE fleet OWNER TO migrate;
REVOKE CREATE ON SCHEMA fleet.public FROM public;
