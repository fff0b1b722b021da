DROP INDEX IF EXISTS holdfast.workflow_stuck;
DROP INDEX IF EXISTS holdfast.operation_failed;
DROP INDEX IF EXISTS holdfast.ended_work_recent;
