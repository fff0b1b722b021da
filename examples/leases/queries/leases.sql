-- name: RequestLease :one
-- Saves a lease: the requester writes it this once. By primary keys; a second one of the name is refused by it. Raises
-- where the blueprint is unknown or no resource of it has so many slots.
WITH fitting AS (
  SELECT name FROM leases.blueprint WHERE name = @blueprint AND slots >= @slots
), saved AS (
  INSERT INTO leases.lease (name, host, blueprint, slots, phase, ttl_ms)
  SELECT @name::TEXT, @host::TEXT, f.name, @slots::INT8, 'pending', @ttl_ms::INT8 FROM fitting AS f
  RETURNING name
), noted AS (
  INSERT INTO leases.change (object, name, phase, writer)
  SELECT 'lease', s.name, 'pending', p.writer
  FROM saved AS s JOIN leases.phase AS p ON p.object = 'lease' AND p.phase = 'unsaved'
  RETURNING name
)
SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM noted) THEN '1'
  ELSE 'lease ' || @name::TEXT || ': no blueprint ' || @blueprint::TEXT || ' with ' || @slots::INT8::TEXT || ' slots' END AS INT8)
  AS saved;

-- name: WriteLease :one
-- The one statement that writes a lease: by the kind of work that its phase names, while that work is held or ends in this
-- transaction. By primary keys, one round trip; meets nobody, since the work has one holder. Raises for everybody else, and
-- then nothing of the transaction stands. Null leaves what is there.
WITH found AS (
  SELECT l.phase, p.writer, EXISTS (
    SELECT 1 FROM holdfast.work AS w
    WHERE w.target = @name AND w.kind = @kind AND w.token = @token AND (w.holder IS NOT NULL OR EXISTS (
      SELECT 1 FROM holdfast.ended_work AS e
      WHERE e.target = w.target AND e.kind = w.kind AND e.token = w.token AND e.event = 'finished' AND e.ended_at >= now()))
  ) AS is_held
  FROM leases.lease AS l JOIN leases.phase AS p ON p.object = 'lease' AND p.phase = l.phase
  WHERE l.name = @name
), written AS (
  UPDATE leases.lease AS l
  SET phase = @phase, phase_at = CASE WHEN l.phase = @phase THEN l.phase_at ELSE now() END,
    resource = COALESCE(sqlc.narg(resource)::TEXT, l.resource),
    expires_at = COALESCE(now() + sqlc.narg(ttl_ms)::INT8 * INTERVAL '1 millisecond', l.expires_at)
  WHERE l.name = @name AND EXISTS (SELECT 1 FROM found AS f WHERE f.writer = @kind AND f.is_held)
  RETURNING l.name
), noted AS (
  INSERT INTO leases.change (object, name, phase, writer, target, token)
  SELECT 'lease', w.name, @phase::TEXT, @kind::TEXT, w.name, @token::INT8
  FROM written AS w WHERE NOT EXISTS (SELECT 1 FROM found AS f WHERE f.phase = @phase)
  RETURNING name
)
SELECT CAST(COALESCE((
  SELECT CASE WHEN f.writer <> @kind THEN 'lease ' || @name::TEXT || ' is ' || f.phase || ': ' || f.writer || ' writes it, not ' || @kind::TEXT
    WHEN NOT f.is_held THEN 'lease ' || @name::TEXT || ' is not held by ' || @kind::TEXT || ' with token ' || @token::INT8::TEXT
    ELSE '1' END
  FROM found AS f), 'there is no lease ' || @name::TEXT) AS INT8) AS written;

-- name: AllocationSteps :many
-- What the allocator can do next for each pending lease of a host (@lease: of one; null: of all), those that have waited
-- longest first: acquire slots of a free resource; else create a resource, one at a time; else reclaim an unused one of
-- another blueprint, one at a time. A lease for which nothing can be done gives no row. By the indexes on host and phase.
WITH host AS (
  SELECT count(*) AS resources,
    count(*) FILTER (WHERE r.phase = 'pending') AS creating,
    count(*) FILTER (WHERE r.phase IN ('released', 'broken')) AS leaving
  FROM leases.resource AS r
  WHERE r.host = @host AND r.phase IN ('pending', 'active', 'released', 'broken')
), usable AS (
  SELECT r.name, r.blueprint, r.slots, r.slots - (SELECT count(*) FROM leases.slot AS s WHERE s.resource = r.name) AS free,
    EXISTS (SELECT 1 FROM holdfast.command AS c
      WHERE c.queue = 'resource:commands' AND c.target = r.name AND c.state = 'pending') AS is_asked
  FROM leases.resource AS r
  WHERE r.host = @host AND r.phase = 'active'
), choice AS (
  SELECT l.name, l.blueprint, l.slots, l.phase_at,
    (SELECT u.name FROM usable AS u WHERE u.blueprint = l.blueprint AND u.free >= l.slots AND NOT u.is_asked
      ORDER BY u.free, u.name LIMIT 1) AS free,
    (SELECT u.name FROM usable AS u WHERE u.blueprint <> l.blueprint AND u.free = u.slots
      ORDER BY u.name LIMIT 1) AS unused
  FROM leases.lease AS l
  LEFT JOIN holdfast.unavailable_work AS x ON x.kind = 'lease:allocate' AND x.target = l.name
  WHERE l.host = @host AND l.phase = 'pending' AND x.target IS NULL
    AND (sqlc.narg(lease)::TEXT IS NULL OR l.name = sqlc.narg(lease)::TEXT)
), step AS (
  SELECT c.name, c.blueprint, c.slots, c.phase_at, c.free, c.unused,
    CASE WHEN c.free IS NOT NULL THEN 'acquire'
      WHEN h.creating > 0 THEN NULL
      WHEN h.resources < @most::INT8 THEN 'create'
      WHEN h.leaving = 0 AND c.unused IS NOT NULL AND NOT EXISTS (SELECT 1 FROM usable AS u WHERE u.is_asked) THEN 'reclaim'
    END AS step
  FROM choice AS c CROSS JOIN host AS h
)
SELECT s.name, s.blueprint, s.slots, s.step AS "step!", CASE WHEN s.step = 'acquire' THEN s.free WHEN s.step = 'reclaim' THEN s.unused END AS resource
FROM step AS s
WHERE s.step IS NOT NULL
ORDER BY s.phase_at, s.name
LIMIT @wanted::INT8;

-- name: TakeSlots :one
-- Locks slots of an active resource for a lease, all that it needs, or raises. By primary keys.
WITH free AS (
  SELECT g.slot
  FROM leases.resource AS r
  JOIN generate_series(1, 64) AS g (slot) ON g.slot <= r.slots
  WHERE r.name = @resource AND r.phase = 'active'
    AND NOT EXISTS (SELECT 1 FROM leases.slot AS s WHERE s.resource = r.name AND s.slot = g.slot)
  ORDER BY g.slot
  LIMIT @slots::INT8
), taken AS (
  INSERT INTO leases.slot (resource, slot, lease)
  SELECT @resource::TEXT, f.slot, @lease::TEXT FROM free AS f WHERE (SELECT count(*) FROM free) = @slots::INT8
  RETURNING slot
)
SELECT CAST(CASE WHEN (SELECT count(*) FROM taken) = @slots::INT8 THEN '1'
  ELSE 'lease ' || @lease::TEXT || ': resource ' || @resource::TEXT || ' has no ' || @slots::INT8::TEXT || ' free slots' END AS INT8)
  AS taken;

-- name: FreeSlots :execrows
-- Gives back the slots of a lease that is destroyed, and of no other: by the index on lease.
DELETE FROM leases.slot
WHERE lease = @lease AND EXISTS (SELECT 1 FROM leases.lease AS l WHERE l.name = @lease AND l.phase = 'destroyed');

-- name: GetLease :maybe
-- By primary key.
SELECT name, host, blueprint, slots, phase, resource, ttl_ms, expires_at FROM leases.lease WHERE name = @name;

-- name: AcquiredLeases :claim kind=lease:activate
-- By the index on phase, in its order.
SELECT l.name AS target FROM leases.lease AS l WHERE l.host = @host AND l.phase = 'acquired' ORDER BY l.phase_at, l.name;

-- name: EndingLeases :claim kind=lease:destroy
-- By the index on phase.
-- lint:ignore HL012 few end at a time: two short runs of the index are sorted
SELECT l.name AS target FROM leases.lease AS l
WHERE l.host = @host AND l.phase IN ('released', 'broken') ORDER BY l.phase_at, l.name;

-- name: ExpiredLeases :claim kind=lease:expire
-- Active leases whose time is over and which nobody has told so: by the index on expiry, and that of commands by key.
-- lint:ignore HL005 a lease that expires a moment later does no harm
SELECT l.name AS target FROM leases.lease AS l
WHERE l.host = @host AND l.phase = 'active' AND l.expires_at <= now() AND NOT EXISTS (
  SELECT 1 FROM holdfast.command AS c WHERE c.queue = 'lease:commands' AND c.target = l.name AND c.key = 'expiry')
ORDER BY l.expires_at, l.name;
