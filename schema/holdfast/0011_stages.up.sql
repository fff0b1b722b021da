-- Where the items of a sync are: its pipeline's stages, in their order, as they were a few seconds ago: an array of
-- {"stage", "state", "itemsIn", "itemsOut", "queued"}. Null: it has no pipeline, or a release before wrote it.
ALTER TABLE holdfast.repository_run ADD COLUMN IF NOT EXISTS stages JSONB;
