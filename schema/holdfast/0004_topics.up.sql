-- What was announced, for who waits for it: the sum of a topic's versions has grown since. A topic has several rows, of
-- which each announcement takes one at random, so that transactions that announce the same topic seldom meet.
CREATE TABLE IF NOT EXISTS holdfast.topic (
  topic TEXT NOT NULL,
  shard INT8 NOT NULL,
  version INT8 NOT NULL,
  PRIMARY KEY (topic, shard)
);
