DROP TABLE IF EXISTS fleet.machine_os_installation_report;
DROP TABLE IF EXISTS fleet.machine_os_installation_request;
