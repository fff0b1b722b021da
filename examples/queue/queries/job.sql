-- name: ClaimJob :claim kind=job
-- By the partial index alone: one bucket after the other, no sort.
SELECT j.job_id AS target
FROM job AS j
WHERE j.bucket = ANY(@buckets::INT8[]) AND j.done_by IS NULL
ORDER BY j.bucket, j.job_id;

-- name: FinishJob :finish kind=job
-- By primary key.
UPDATE job SET done_by = @done_by WHERE job_id = ANY(@targets::UUID[]);

-- name: InsertJob :copyfrom
INSERT INTO job (job_id, bucket) VALUES (@job_id, @bucket);

-- name: FinishJobs :execrows
UPDATE job SET done_by = @done_by WHERE job_id = ANY(@job_ids::UUID[]);

-- name: OpenJobs :one
SELECT count(*) AS jobs FROM job WHERE done_by IS NULL;
