import { type ClaimParts, literal, type ParameterNumbers, type System } from './claim-text.ts';

export interface FinishShape {
  readonly kind: string;
  /** The user's INSERT, UPDATE or DELETE, over the parameter `targets`. */
  readonly change: string;
  readonly numbers: ParameterNumbers;
}

/** The finish without its last SELECT. */
export function finishParts(shape: FinishShape, system: System): ClaimParts {
  const kind = literal(shape.kind);
  const cockroach = system === 'cockroachdb';
  const number = (field: 'sessionId' | 'keyKinds' | 'keyTargets' | 'keyTokens') => `$${shape.numbers[field]}`;
  const mine = (column: string) => `${column} = CASE WHEN w.kind <> ${kind} THEN w.${column} END`;
  const keys = `unnest(${number('keyKinds')}::TEXT[], ${number('keyTargets')}::TEXT[], ${number('keyTokens')}::INT8[])
    AS k (kind, target, token)`;
  // While the table was small PostgreSQL may have planned to walk all of it and to look for each row among the keys.
  // A lateral subquery with a LIMIT goes the other way round, and only a row's own place can follow from it.
  const from = cockroach
    ? `${keys}
  WHERE w.kind = k.kind AND w.target = k.target AND`
    : `(
    SELECT f.place, k.token
    FROM ${keys}
    CROSS JOIN LATERAL (
      SELECT x.ctid AS place FROM holdfast.work AS x WHERE x.kind = k.kind AND x.target = k.target LIMIT 1
    ) AS f
  ) AS k
  WHERE w.ctid = k.place AND`;
  const ctes = `released AS (
  UPDATE holdfast.work AS w
  SET holder = NULL, taken_from = NULL,
    ${mine('not_before')},
    ${mine('backoff_seconds')},
    ${mine('backoff_cause')}
  FROM ${from} w.holder = ${number('sessionId')}::UUID AND w.token = k.token
  RETURNING w.kind, w.target, w.token, w.started_at
), history AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, event)
  SELECT target, kind, token, ${number('sessionId')}::UUID, started_at, 'finished'
  FROM released WHERE kind = ${kind}
  RETURNING token
), change AS (
${shape.change}
)`;
  const unlessAlive = `WHEN NOT EXISTS (SELECT 1 FROM holdfast.session WHERE session_id = ${number('sessionId')}::UUID${
    cockroach ? '' : ' FOR KEY SHARE'
  }) THEN 'holdfast:session-expired'`;
  const unlessValid = `WHEN (SELECT count(*) FROM released) <> cardinality(${number('keyTokens')}::INT8[]) THEN 'holdfast:lease-lost'`;
  return { ctes, unlessAlive, unlessValid };
}

/**
 * The end of several claims as one statement around the user's change: frees the keys, clears the backoff,
 * writes the history, makes the change. Raises, so that none of it stands, unless every key is still held by
 * this session with its token and the session's row is there. PostgreSQL locks that row, so that an eviction
 * since the statement's snapshot shows; CockroachDB is serializable.
 */
export function finishText(shape: FinishShape, system: System): string {
  const { ctes, unlessAlive, unlessValid } = finishParts(shape, system);
  return `WITH ${ctes}
SELECT CAST(CASE
  ${unlessAlive}
  ${unlessValid}
  ELSE '1' END AS INT8) AS finished`;
}
