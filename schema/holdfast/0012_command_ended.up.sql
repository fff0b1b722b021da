-- For the sweep: what ended first.
CREATE INDEX IF NOT EXISTS command_ended ON holdfast.command (ended_at) WHERE ended_at IS NOT NULL;
