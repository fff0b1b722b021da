-- name: InsertMarker :exec
-- Travels with the COMMIT of a marked transaction: one insert by primary key.
INSERT INTO holdfast.commit_marker (marker_id, committed) VALUES (@marker_id, true);

-- name: ResolveMarker :one
-- Settles an ambiguous commit, by primary key. The insert waits for a transaction that has the same marker
-- uncommitted; when it goes in, that transaction never commits; when it does not, it had committed (or was
-- settled before, which the row says). The snapshot of this statement may be older than the row it waited for,
-- so a row that is neither inserted nor seen is a committed one.
WITH settled AS (
  INSERT INTO holdfast.commit_marker (marker_id, committed) VALUES (@marker_id, false)
  ON CONFLICT (marker_id) DO NOTHING
  RETURNING committed
)
SELECT COALESCE(
  (SELECT committed FROM settled),
  (SELECT committed FROM holdfast.commit_marker WHERE marker_id = @marker_id),
  true
) AS "committed!";

-- name: DeleteMarkers :execrows
-- One page of markers that are older than any ambiguity: by primary key after a scan of a small table.
DELETE FROM holdfast.commit_marker
WHERE marker_id IN (
  SELECT marker_id FROM holdfast.commit_marker
  WHERE created_at < now() - @older_than_ms::INT8 * INTERVAL '1 millisecond'
  ORDER BY marker_id
  LIMIT @page::INT8
);

-- name: DeleteSettledMarkers :exec
-- Markers whose transactions are known to have committed: by primary key.
DELETE FROM holdfast.commit_marker WHERE marker_id = ANY(@marker_ids::UUID[]);
