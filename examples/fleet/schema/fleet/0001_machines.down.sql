DROP TABLE IF EXISTS fleet.reconciliation;
DROP TABLE IF EXISTS fleet.machine_unwanted;
DROP TABLE IF EXISTS fleet.machine_missing;
DROP TABLE IF EXISTS fleet.machine_provided;
DROP TABLE IF EXISTS fleet.machine;
DROP SCHEMA IF EXISTS fleet;
