-- A queue of jobs, in the shape that docs/work.md describes.
CREATE TABLE IF NOT EXISTS job (
  job_id UUID NOT NULL PRIMARY KEY,
  -- bucketOf(job_id, 64).
  bucket INT8 NOT NULL,
  done_by TEXT
);

-- Holds what can be claimed and nothing else, in the order in which it is claimed.
CREATE INDEX IF NOT EXISTS job_open ON job (bucket, job_id) WHERE done_by IS NULL;
