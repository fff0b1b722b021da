DROP VIEW IF EXISTS holdfast.workflow_status;
DROP TABLE IF EXISTS holdfast.workflow_definition;
DROP TABLE IF EXISTS holdfast.workflow_signal;
DROP TABLE IF EXISTS holdfast.workflow_history;
DROP TABLE IF EXISTS holdfast.workflow;
