import { literal, type ParameterNumbers } from './claim-text.ts';

export interface FinishShape {
  readonly process: string;
  /** The user's INSERT, UPDATE or DELETE, over the parameter `targets`. */
  readonly change: string;
  readonly numbers: ParameterNumbers;
}

/**
 * The end of several claims as one statement around the user's change: frees the keys, clears the backoff,
 * writes the history, makes the change. Raises, so that none of it stands, unless every key is still held by
 * this session with its token and the session's row is there. PostgreSQL locks that row, so that an eviction
 * since the statement's snapshot shows; CockroachDB is serializable.
 */
export function finishText(shape: FinishShape, system: 'postgresql' | 'cockroachdb'): string {
  const process = literal(shape.process);
  const number = (field: 'sessionId' | 'keyProcesses' | 'keyTargets' | 'keyTokens') =>
    `$${shape.numbers[field]}`;
  const mine = (column: string) => `${column} = CASE WHEN w.process <> ${process} THEN w.${column} END`;
  return `WITH released AS (
  UPDATE holdfast.work AS w
  SET holder = NULL, taken_from = NULL, started_at = NULL,
    ${mine('not_before')},
    ${mine('backoff_seconds')},
    ${mine('backoff_cause')}
  FROM unnest(${number('keyProcesses')}::TEXT[], ${number('keyTargets')}::TEXT[], ${number('keyTokens')}::INT8[])
    AS k (process, target, token)
  WHERE w.process = k.process AND w.target = k.target AND w.holder = ${number('sessionId')}::UUID
    AND w.token = k.token
  RETURNING w.process, w.target, w.token
), history AS (
  INSERT INTO holdfast.work_history (target, process, token, event, session_id)
  SELECT target, process, token, 'finished', ${number('sessionId')}::UUID FROM released WHERE process = ${process}
  RETURNING token
), change AS (
${shape.change}
)
SELECT CAST(CASE
  WHEN NOT EXISTS (SELECT 1 FROM holdfast.session WHERE session_id = ${number('sessionId')}::UUID${
    system === 'postgresql' ? ' FOR KEY SHARE' : ''
  })
    THEN 'holdfast:session-expired'
  WHEN (SELECT count(*) FROM released) <> cardinality(${number('keyTokens')}::INT8[]) THEN 'holdfast:lease-lost'
  ELSE '1' END AS INT8) AS finished`;
}
