DROP VIEW IF EXISTS holdfast.operation_status;
DROP TABLE IF EXISTS holdfast.deleted_target;
DROP TABLE IF EXISTS holdfast.operation;
