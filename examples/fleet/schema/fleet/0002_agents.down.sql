DROP TABLE IF EXISTS fleet.machine_hardware_report;
DROP TABLE IF EXISTS fleet.machine_agent_heartbeat;
DROP TABLE IF EXISTS fleet.machine_agent_started;
DROP TABLE IF EXISTS fleet.machine_agent_epoch;
