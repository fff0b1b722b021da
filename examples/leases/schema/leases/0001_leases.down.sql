DROP TABLE IF EXISTS leases.change;
DROP TABLE IF EXISTS leases.slot;
DROP TABLE IF EXISTS leases.lease;
DROP TABLE IF EXISTS leases.resource;
DROP TABLE IF EXISTS leases.blueprint;
DROP TABLE IF EXISTS leases.phase;
DROP SCHEMA IF EXISTS leases;
