DROP TABLE IF EXISTS holdfast.commit_marker;
