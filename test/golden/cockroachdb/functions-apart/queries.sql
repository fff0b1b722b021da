-- name: Apart :many
SELECT
  array_position(tags, 'a') AS place,
  jsonb_extract_path_text(detail, 'a') AS inside,
  regexp_extract(name, 'z') AS found,
  strpos(name, 'd') AS spot,
  unique_rowid() AS row_number,
  cluster_logical_timestamp() AS at,
  gen_random_uuid() AS fresh
FROM site ORDER BY site_id;
