DROP TABLE IF EXISTS holdfast.topic;
