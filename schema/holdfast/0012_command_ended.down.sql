DROP INDEX IF EXISTS holdfast.command_ended;
