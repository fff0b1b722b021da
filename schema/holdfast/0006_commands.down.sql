DROP TABLE IF EXISTS holdfast.note;
DROP TABLE IF EXISTS holdfast.command_queue;
DROP TABLE IF EXISTS holdfast.command_target;
DROP TABLE IF EXISTS holdfast.command;
