ALTER TABLE holdfast.workflow_signal DROP COLUMN IF EXISTS trace_context;
ALTER TABLE holdfast.workflow DROP COLUMN IF EXISTS trace_context;
