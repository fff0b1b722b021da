ALTER TABLE holdfast.repository_run DROP COLUMN IF EXISTS stages;
