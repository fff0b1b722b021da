-- name: Expressions :many
SELECT
  seats // 2 AS pairs,
  seats / 2 AS halves,
  seats % 2 AS odd,
  weight * 2 AS doubled,
  ratio + 1 AS above,
  IF(seats > 0, name, slug) AS shown,
  IFNULL(ratio, 0) AS known,
  COALESCE(former, phase) AS either,
  NULLIF(seats, 0) AS some,
  greatest(seats, 1) AS most,
  name ILIKE 'a%' AS early,
  concat(short, '!') AS loud,
  split_part(name, 'd', 1) AS head,
  CASE WHEN seats > 3 THEN 'large' ELSE 'small' END AS size
FROM site ORDER BY site_id;
