-- name: Announce :exec
-- Says that something of these topics has changed. By primary key; conflicts with an announcement of the same topic
-- that took the same shard and has not committed yet, so it is sent last in its transaction.
INSERT INTO holdfast.topic AS t (topic, shard, version)
SELECT n.topic, @shard::INT8, 1 FROM unnest(@topics::TEXT[]) AS n (topic) ORDER BY n.topic
ON CONFLICT (topic, shard) DO UPDATE SET version = t.version + 1;

-- name: AnnounceAndNotify :one
-- The same on PostgreSQL alone, where the commit also tells the processes that listen.
WITH announced AS (
  INSERT INTO holdfast.topic AS t (topic, shard, version)
  SELECT n.topic, @shard::INT8, 1 FROM unnest(@topics::TEXT[]) AS n (topic) ORDER BY n.topic
  ON CONFLICT (topic, shard) DO UPDATE SET version = t.version + 1
  RETURNING topic
)
SELECT count(pg_notify('holdfast', topic)) AS announced FROM announced;

-- name: TopicVersions :many
-- How often each topic was announced: by primary key prefix, at most as many rows a topic as there are shards.
SELECT topic, sum(version)::INT8 AS "version!" FROM holdfast.topic WHERE topic = ANY(@topics::TEXT[]) GROUP BY topic;
