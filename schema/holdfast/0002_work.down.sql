DROP VIEW IF EXISTS holdfast.unavailable_work;
DROP VIEW IF EXISTS holdfast.quarantined_work;
DROP VIEW IF EXISTS holdfast.active_work;
DROP VIEW IF EXISTS holdfast.work_history;
DROP TABLE IF EXISTS holdfast.intervention;
DROP TABLE IF EXISTS holdfast.ended_work;
DROP TABLE IF EXISTS holdfast.work;
DROP TABLE IF EXISTS holdfast.kind;
