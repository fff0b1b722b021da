-- name: SaveResource :one
-- Saves a resource for a pending lease: by the work that allocates that lease, while it is held or ends in this transaction.
-- By primary keys, one round trip. Raises for everybody else.
WITH proof AS (
  SELECT l.host, b.name AS blueprint, b.slots
  FROM holdfast.work AS w
  JOIN leases.phase AS p ON p.object = 'resource' AND p.phase = 'unsaved' AND p.writer = w.kind
  JOIN leases.lease AS l ON l.name = w.target AND l.phase = 'pending'
  JOIN leases.blueprint AS b ON b.name = l.blueprint
  WHERE w.target = @lease AND w.kind = @kind AND w.token = @token AND (w.holder IS NOT NULL OR EXISTS (
    SELECT 1 FROM holdfast.ended_work AS e
    WHERE e.target = w.target AND e.kind = w.kind AND e.token = w.token AND e.event = 'finished' AND e.ended_at >= now()))
), saved AS (
  INSERT INTO leases.resource (name, host, blueprint, slots, phase)
  SELECT @name::TEXT, p.host, p.blueprint, p.slots, 'pending' FROM proof AS p
  RETURNING name
), noted AS (
  INSERT INTO leases.change (object, name, phase, writer, target, token)
  SELECT 'resource', s.name, 'pending', @kind::TEXT, @lease::TEXT, @token::INT8 FROM saved AS s
  RETURNING name
)
SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM noted) THEN '1'
  ELSE 'resource ' || @name::TEXT || ' is unsaved: ' || (SELECT p.writer FROM leases.phase AS p WHERE p.object = 'resource' AND p.phase = 'unsaved')
    || ' of a pending lease writes it, not ' || @kind::TEXT || ' of ' || @lease::TEXT END AS INT8) AS saved;

-- name: WriteResource :one
-- The one statement that writes a resource; as WriteLease. Null leaves what is there.
WITH found AS (
  SELECT r.phase, p.writer, EXISTS (
    SELECT 1 FROM holdfast.work AS w
    WHERE w.target = @name AND w.kind = @kind AND w.token = @token AND (w.holder IS NOT NULL OR EXISTS (
      SELECT 1 FROM holdfast.ended_work AS e
      WHERE e.target = w.target AND e.kind = w.kind AND e.token = w.token AND e.event = 'finished' AND e.ended_at >= now()))
  ) AS is_held
  FROM leases.resource AS r JOIN leases.phase AS p ON p.object = 'resource' AND p.phase = r.phase
  WHERE r.name = @name
), written AS (
  UPDATE leases.resource AS r
  SET phase = @phase, phase_at = CASE WHEN r.phase = @phase THEN r.phase_at ELSE now() END,
    port = COALESCE(sqlc.narg(port)::INT8, r.port)
  WHERE r.name = @name AND EXISTS (SELECT 1 FROM found AS f WHERE f.writer = @kind AND f.is_held)
  RETURNING r.name
), noted AS (
  INSERT INTO leases.change (object, name, phase, writer, target, token)
  SELECT 'resource', w.name, @phase::TEXT, @kind::TEXT, w.name, @token::INT8
  FROM written AS w WHERE NOT EXISTS (SELECT 1 FROM found AS f WHERE f.phase = @phase)
  RETURNING name
)
SELECT CAST(COALESCE((
  SELECT CASE WHEN f.writer <> @kind THEN 'resource ' || @name::TEXT || ' is ' || f.phase || ': ' || f.writer || ' writes it, not ' || @kind::TEXT
    WHEN NOT f.is_held THEN 'resource ' || @name::TEXT || ' is not held by ' || @kind::TEXT || ' with token ' || @token::INT8::TEXT
    ELSE '1' END
  FROM found AS f), 'there is no resource ' || @name::TEXT) AS INT8) AS written;

-- name: GetResource :maybe
-- By primary key.
SELECT name, host, blueprint, slots, phase, port FROM leases.resource WHERE name = @name;

-- name: TakenSlots :one
-- By primary key prefix.
SELECT count(*) AS slots FROM leases.slot WHERE resource = @resource;

-- name: PendingResources :claim kind=resource:create
-- By the index on phase, in its order.
SELECT r.name AS target FROM leases.resource AS r WHERE r.host = @host AND r.phase = 'pending' ORDER BY r.phase_at, r.name;

-- name: EndingResources :claim kind=resource:destroy
-- By the index on phase.
-- lint:ignore HL012 few end at a time: two short runs of the index are sorted
SELECT r.name AS target FROM leases.resource AS r
WHERE r.host = @host AND r.phase IN ('released', 'broken') ORDER BY r.phase_at, r.name;
