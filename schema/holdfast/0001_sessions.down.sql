DROP VIEW IF EXISTS holdfast.live_session;
DROP TABLE IF EXISTS holdfast.session_deadline;
DROP TABLE IF EXISTS holdfast.session;
