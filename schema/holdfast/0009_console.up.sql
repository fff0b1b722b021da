-- For the console: what ended in the last minutes, by kind, and what waits for an operator.
CREATE INDEX IF NOT EXISTS ended_work_recent ON holdfast.ended_work (kind, ended_at);
CREATE INDEX IF NOT EXISTS operation_failed ON holdfast.operation (kind, target) WHERE state = 'FAILED';
CREATE INDEX IF NOT EXISTS workflow_stuck ON holdfast.workflow (workflow, target) WHERE stuck IS NOT NULL;
