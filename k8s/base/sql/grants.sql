-- What each component of the fleet may do, run by the owner of the schemas behind every migration. Nobody else may anything.
-- One transaction: CockroachDB waits for every node once, not at each statement.
BEGIN;
-- Holdfast's tables, written by npm run compile.
GRANT USAGE ON SCHEMA holdfast TO "provisioner", "initializer", "recoverer", "installer";
GRANT SELECT ON holdfast.migration, holdfast.kind, holdfast.active_work, holdfast.live_session,
  holdfast.unavailable_work TO "provisioner", "initializer", "recoverer", "installer";
GRANT SELECT, INSERT ON holdfast.ended_work TO "provisioner", "initializer", "recoverer", "installer";
GRANT SELECT, INSERT, UPDATE ON holdfast.work, holdfast.topic TO "provisioner", "initializer", "recoverer",
  "installer";
GRANT SELECT, INSERT, DELETE ON holdfast.commit_marker TO "provisioner", "initializer", "recoverer", "installer";
GRANT SELECT, INSERT, UPDATE, DELETE ON holdfast.session, holdfast.session_deadline TO "provisioner", "initializer",
  "recoverer", "installer";
GRANT USAGE ON SCHEMA holdfast TO "janitor";
GRANT SELECT ON holdfast.migration, holdfast.kind, holdfast.live_session, holdfast.unavailable_work TO "janitor";
GRANT SELECT, UPDATE ON holdfast.work TO "janitor";
GRANT SELECT, INSERT, DELETE ON holdfast.ended_work TO "janitor";
GRANT SELECT, DELETE ON holdfast.session, holdfast.session_deadline, holdfast.commit_marker TO "janitor";
GRANT USAGE ON SCHEMA holdfast TO "agent-api";
GRANT SELECT ON holdfast.migration TO "agent-api";
GRANT SELECT, INSERT, DELETE ON holdfast.commit_marker TO "agent-api";
GRANT USAGE ON SCHEMA holdfast TO "console";
GRANT SELECT ON holdfast.active_work, holdfast.commit_marker, holdfast.ended_work, holdfast.intervention,
  holdfast.kind, holdfast.live_session, holdfast.migration, holdfast.migration_lock, holdfast.quarantined_work,
  holdfast.session, holdfast.session_deadline, holdfast.topic, holdfast.unavailable_work, holdfast.work,
  holdfast.work_history TO "console";

-- The fleet's own tables.
GRANT USAGE ON SCHEMA fleet TO provisioner, initializer, recoverer, installer, "agent-api", janitor, console;
GRANT SELECT ON fleet.machine, fleet.machine_provided, fleet.machine_missing, fleet.machine_unwanted,
  fleet.machine_agent_started, fleet.machine_agent_heartbeat TO initializer, recoverer, installer;
GRANT SELECT, INSERT, UPDATE ON fleet.reconciliation TO provisioner;
GRANT SELECT, INSERT, UPDATE, DELETE ON fleet.machine, fleet.machine_provided TO provisioner;
GRANT SELECT, INSERT, DELETE ON fleet.machine_missing, fleet.machine_unwanted TO provisioner;
GRANT SELECT, DELETE ON fleet.machine_agent_epoch, fleet.machine_agent_started, fleet.machine_agent_heartbeat,
  fleet.machine_hardware_report, fleet.machine_os_installation_request, fleet.machine_os_installation_report TO provisioner;
GRANT SELECT, INSERT, UPDATE ON fleet.machine_agent_epoch, fleet.machine_agent_started TO initializer, recoverer;
GRANT DELETE ON fleet.machine_agent_heartbeat TO initializer, recoverer;
GRANT SELECT, INSERT, UPDATE ON fleet.machine_os_installation_request TO installer;
GRANT SELECT ON fleet.machine_hardware_report, fleet.machine_os_installation_report TO installer;
-- CockroachDB looks for the row that a foreign key names with the rights of who inserts: here fleet.machine.
GRANT SELECT ON fleet.machine, fleet.machine_agent_started, fleet.machine_os_installation_request TO "agent-api";
GRANT SELECT, INSERT, UPDATE ON fleet.machine_agent_heartbeat, fleet.machine_hardware_report,
  fleet.machine_os_installation_report TO "agent-api";
GRANT SELECT ON ALL TABLES IN SCHEMA fleet TO janitor;
GRANT SELECT ON ALL TABLES IN SCHEMA fleet TO console;
COMMIT;
