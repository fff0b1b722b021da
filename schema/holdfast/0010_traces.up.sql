-- Who asked for it: the trace context, as the program's propagator wrote it, that the spans of the work link to. Null: none.
ALTER TABLE holdfast.workflow ADD COLUMN IF NOT EXISTS trace_context JSONB;
ALTER TABLE holdfast.workflow_signal ADD COLUMN IF NOT EXISTS trace_context JSONB;
