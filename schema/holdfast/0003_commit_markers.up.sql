-- A transaction with a commit marker inserts its own id here; after an ambiguous commit the row's presence
-- tells the outcome. Swept by the janitor.
CREATE TABLE IF NOT EXISTS holdfast.commit_marker (
  marker_id UUID NOT NULL PRIMARY KEY,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- False when the row was put there to resolve an ambiguity, to keep the transaction from committing.
  committed BOOL NOT NULL
);
