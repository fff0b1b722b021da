/** Candidates that one claim looks at when its retrieval has no LIMIT of its own. */
export const MOST_CANDIDATES = 10_000;

/** Numbers of the parameters that are not the author's alone, by the name of their field. */
export type ParameterNumbers = Readonly<Record<string, number>>;

export interface ClaimShape {
  readonly kind: string;
  /** The user's SELECT: a column `target`, best first. */
  readonly retrieval: string;
  /** How many candidates to look at, when the SELECT itself does not say it. */
  readonly limit?: number | undefined;
  readonly numbers: ParameterNumbers;
}

/** Longest target in bytes: both columns of the lock row's key must fit into an entry of PostgreSQL's index. */
export const LONGEST_TARGET = 1_000;

/** The token of a row that was not there: higher than any that a deleted row can have had. */
export const FIRST_TOKEN = 'CAST(extract(epoch FROM now()) * 1000 AS INT8)';

/**
 * What else keeps a row from being taken: its kind is paused, it is quarantined, or it was abandoned before and was
 * begun too short a while ago: two seconds, doubling up to about a minute, so that a target that kills its workers
 * does not kill one a second.
 */
const takeable = (
  work: string,
  kind: string,
) => `(SELECT p.paused_at FROM holdfast.kind AS p WHERE p.kind = ${kind}) IS NULL
    AND (COALESCE(${work}.failures, 0) + CASE WHEN ${work}.holder IS NULL THEN 0 ELSE 1 END) < COALESCE(
      (SELECT p.quarantine_after FROM holdfast.kind AS p WHERE p.kind = ${kind}), 9223372036854775807)
    AND (${work}.holder IS NULL OR COALESCE(${work}.failures, 0) < 1
      OR ${work}.started_at <= now() - LEAST(64, power(2::FLOAT8, LEAST(${work}.failures, 6)::FLOAT8)) * INTERVAL '1 second')`;

/** A statement in parts, so that a finish and a claim can be made one statement. */
export interface ClaimParts {
  /** What stands between WITH and the last SELECT. */
  readonly ctes: string;
  /** Branch of a CASE by which it raises when the session is not alive. */
  readonly unlessAlive: string;
  /** The same for whatever else may stand against it. */
  readonly unlessValid: string;
}

export type System = 'postgresql' | 'cockroachdb';

/**
 * A refusal as the server raises it: a text that does not cast, with a random value that the statement was given, so that
 * no value of a user's can read like it.
 */
export const refusal = (why: string, number: string) => `'${why} ' || ${number}::TEXT`;

/** A string as an SQL literal. */
export const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/**
 * What stands in a candidate's way, read by primary key, one candidate after the other, for as few as it takes:
 * neither engine may read a whole table instead, also when it planned the statement while the tables were empty.
 * PostgreSQL is held to it by LIMIT in a lateral subquery and by scalar subqueries, CockroachDB by the join's hint.
 */
function obstacles(kind: string, system: System): string {
  const key = `w.kind = ${literal(kind)} AND w.target = r.target`;
  if (system === 'cockroachdb')
    return `LEFT LOOKUP JOIN holdfast.work AS w ON ${key}
    LEFT LOOKUP JOIN holdfast.session AS s ON s.session_id = w.holder
    LEFT LOOKUP JOIN holdfast.session_deadline AS d ON d.session_id = w.holder`;
  return `LEFT JOIN LATERAL (
    SELECT w.token, w.holder, w.started_at, w.not_before, w.failures,
      (SELECT s.session_id FROM holdfast.session AS s WHERE s.session_id = w.holder) AS session_id,
      (SELECT d.deadline FROM holdfast.session_deadline AS d WHERE d.session_id = w.holder) AS deadline
    FROM holdfast.work AS w
    WHERE ${key}
    LIMIT 1
  ) AS k ON true`;
}

/** The claim without its last SELECT. */
export function claimParts(shape: ClaimShape, system: System): ClaimParts {
  const kind = literal(shape.kind);
  const cockroach = system === 'cockroachdb';
  // A number that PostgreSQL's planner cannot see makes it expect a tenth: it then walks an index that has the
  // order, rather than sort the slice, and plans the statement once and for all.
  const limit = (count: string) => (cockroach ? `LIMIT ${count}` : `LIMIT (SELECT ${count})`);
  // As an array it is a condition of the index; PostgreSQL would read every session to join them.
  const among = (select: string) => (cockroach ? `IN (${select})` : `= ANY(ARRAY(${select}))`);
  const bound = shape.limit === undefined ? '' : `\n${limit(String(shape.limit))}`;
  const number = (field: 'sessionId' | 'claimNumber' | 'wanted' | 'refusal') => `$${shape.numbers[field]}`;
  const refused = (why: string) => refusal(why, number('refusal'));
  const [w, k] = cockroach ? ['w', 's'] : ['k', 'k'];
  const d = cockroach ? 'd' : 'k';
  // PostgreSQL keeps the order of the slice as it walks it. CockroachDB keeps none of a subquery's.
  const inOrder = cockroach ? 'ORDER BY r.place ' : '';
  const ctes = `live AS (
  SELECT s.session_id, s.void_claims
  FROM holdfast.session AS s
  JOIN holdfast.session_deadline AS d ON d.session_id = s.session_id
  WHERE s.session_id = ${number('sessionId')}::UUID AND d.deadline > now()${cockroach ? '' : '\n  FOR KEY SHARE OF s'}
), chosen AS (
  SELECT r.target, ${w}.token, ${w}.holder, ${w}.started_at,
    CASE WHEN ${w}.holder IS NULL THEN ${w}.failures ELSE COALESCE(${w}.failures, 0) + 1 END AS failures,
    ${k}.session_id AS held_by${cockroach ? ', r.place' : ''}
  FROM (SELECT CAST(retrieval.target AS TEXT) AS target${cockroach ? ', retrieval.ordinality AS place' : ''} FROM (
${shape.retrieval}${bound}
  ) ${cockroach ? 'WITH ORDINALITY ' : ''}AS retrieval) AS r
  ${obstacles(shape.kind, system)}
  WHERE (${k}.session_id IS NULL OR ${d}.deadline IS NULL OR ${d}.deadline <= now())
    AND (${w}.not_before IS NULL OR ${w}.not_before <= now())
    AND ${takeable(w, kind)}
    AND r.target IS NOT NULL AND octet_length(r.target) <= ${LONGEST_TARGET}
  ${inOrder}${limit(`${number('wanted')}::INT8`)}
), dead AS (
  DELETE FROM holdfast.session_deadline
  WHERE session_id ${among(
    'SELECT held_by FROM chosen WHERE held_by IS NOT NULL AND EXISTS (SELECT 1 FROM live)',
  )}
    AND deadline <= now()
  RETURNING session_id
), evicted AS (
  DELETE FROM holdfast.session WHERE session_id ${among('SELECT session_id FROM dead')} RETURNING session_id
), taken AS (
  INSERT INTO holdfast.work AS w (kind, target, holder, token, started_at, taken_from, claim, failures, parked)
  SELECT ${kind}, c.target, l.session_id, min(COALESCE(c.token, ${FIRST_TOKEN} - 1)) + 1, clock_timestamp(), c.holder,
    ${number('claimNumber')}::INT8, min(c.failures), CASE WHEN min(c.token) IS NULL THEN false END
  FROM chosen AS c CROSS JOIN live AS l
  WHERE c.held_by IS NULL OR c.held_by IN (SELECT session_id FROM evicted)
  GROUP BY c.target, l.session_id, c.holder
  ORDER BY c.target
  ON CONFLICT (kind, target) DO UPDATE
  SET holder = excluded.holder, token = excluded.token, started_at = excluded.started_at,
    taken_from = excluded.taken_from, claim = excluded.claim, failures = excluded.failures,
    parked = NULL, woken = NULL
  WHERE w.token = excluded.token - 1 AND w.holder IS NOT DISTINCT FROM excluded.taken_from
    AND excluded.parked IS NULL
  RETURNING target, token, started_at, taken_from, backoff_seconds, failures
), abandoned AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, ended_at, event)
  SELECT t.target, ${kind}, t.token - 1, t.taken_from, min(c.started_at), t.started_at, 'abandoned'
  FROM taken AS t JOIN chosen AS c ON c.target = t.target
  WHERE t.taken_from IS NOT NULL
  GROUP BY t.target, t.token, t.taken_from, t.started_at
  RETURNING token
)`;
  const unlessAlive = `WHEN NOT EXISTS (SELECT 1 FROM live) THEN ${refused('holdfast:session-expired')}`;
  const unlessValid = `WHEN EXISTS (SELECT 1 FROM live WHERE void_claims >= ${number('claimNumber')}::INT8) THEN ${refused('holdfast:claim-void')}`;
  return { ctes, unlessAlive, unlessValid };
}

/**
 * The last SELECT, after the branches of the CASE by which the statement raises. A full join is never made by comparing
 * each with each, as PostgreSQL would join the two otherwise, for it expects a row of each.
 */
export const claimRows = (
  system: System,
  ...refusals: string[]
) => `SELECT c.target, t.token, t.taken_from, t.backoff_seconds, t.failures
FROM (SELECT CAST(CASE
  ${refusals.join('\n  ')}
  ELSE '1' END AS INT8) AS alive) AS proof
LEFT JOIN (
  (SELECT target, ${system === 'cockroachdb' ? 'place' : 'row_number() OVER () AS place'} FROM chosen) AS c FULL JOIN taken AS t ON t.target = c.target
) ON proof.alive = 1
WHERE t.token IS NOT NULL OR NOT EXISTS (SELECT 1 FROM taken)
ORDER BY c.place`;

/**
 * The whole claim as one statement around the user's retrieval: proves the claimer alive, walks the candidates
 * until `wanted` are free (or held by a session that is gone or past its deadline) and due, evicts dead
 * holders, takes the keys with token + 1, writes what the history says of them. Raises unless the claimer is alive
 * and the claim's number has not been voided. Gives the targets taken; when all were lost to other claimers,
 * those, with no token; when there was nothing, one row of nulls.
 *
 * Right at READ COMMITTED: the upsert's guard lets it through only if token and holder are what the
 * statement's snapshot showed, so nobody held the target in between, and only a holder changes what made it a
 * candidate. A target that had no row (`parked` is false then) is taken only while it has none: another's first token
 * may be one less. The lock on the claimer's row is what settling a lost answer waits for. See docs/work.md.
 */
export function claimText(shape: ClaimShape, system: System): string {
  const { ctes, unlessAlive, unlessValid } = claimParts(shape, system);
  return `WITH ${ctes}\n${claimRows(system, unlessAlive, unlessValid)}`;
}
