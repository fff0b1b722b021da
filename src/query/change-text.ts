import { sqlPieces } from '../base/index.ts';
import { type ClaimParts, literal, type ParameterNumbers, refusal, type System } from './claim-text.ts';

export interface ChangeShape {
  readonly kind: string;
  /** The user's INSERT, UPDATE or DELETE, over the parameter `targets`; undefined: none. */
  readonly change?: string | undefined;
  readonly numbers: ParameterNumbers;
}

const numberIn =
  ({ numbers }: ChangeShape) =>
  (field: 'sessionId' | 'keyKinds' | 'keyTargets' | 'keyTokens' | 'refusal') =>
    `$${numbers[field]}`;

/** The keys of the works: parallel arrays, one element a key. */
const keysOf = (number: ReturnType<typeof numberIn>) =>
  `unnest(${number('keyKinds')}::TEXT[], ${number('keyTargets')}::TEXT[], ${number('keyTokens')}::INT8[])
    AS k (kind, target, token)`;

/** Refuses unless the session's row is there. PostgreSQL locks it, so that an eviction since the snapshot shows. */
function unlessAliveOf(number: ReturnType<typeof numberIn>, system: System): string {
  const lock = system === 'cockroachdb' ? '' : ' FOR KEY SHARE';
  return `WHEN NOT EXISTS (SELECT 1 FROM holdfast.session WHERE session_id = ${number('sessionId')}::UUID${lock}) THEN ${refusal('holdfast:session-expired', number('refusal'))}`;
}

const unlessHeld = (number: ReturnType<typeof numberIn>, proved: string) =>
  `WHEN (SELECT count(*) FROM ${proved}) <> cardinality(${number('keyTokens')}::INT8[]) THEN ${refusal('holdfast:lease-lost', number('refusal'))}`;

/** A change that begins with WITH, in two: what is made beside it, and the change itself. */
export function splitChange(change: string): { readonly beside: string; readonly main: string } {
  let depth = 0;
  let before = '';
  let after: number | undefined;
  for (const { kind, start, end } of sqlPieces(change)) {
    if (kind === 'space' || kind === 'comment') continue;
    const piece = change.slice(start, end);
    if (after === undefined) {
      if (piece.toUpperCase() !== 'WITH') break;
      after = end;
    } else if (piece === '(') depth++;
    else if (piece === ')') depth--;
    else if (depth === 0 && before === ')' && /^(insert|update|delete|upsert)$/i.test(piece))
      return { beside: change.slice(after, start).trim(), main: change.slice(start) };
    before = piece;
  }
  return { beside: '', main: change };
}

function changeIn({ change }: ChangeShape): string {
  if (change === undefined) return '';
  const { beside, main } = splitChange(change);
  return `${beside && `, ${beside}`}, change AS (\n${main}\n)`;
}

/** The finish without its last SELECT. */
export function finishParts(shape: ChangeShape, system: System): ClaimParts {
  const kind = literal(shape.kind);
  const cockroach = system === 'cockroachdb';
  const number = numberIn(shape);
  const mine = (column: string) => `${column} = CASE WHEN w.kind <> ${kind} THEN w.${column} END`;
  const keys = keysOf(number);
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
    ${mine('backoff_cause')},
    ${mine('failures')}, parked = NULL, woken = NULL
  FROM ${from} w.holder = ${number('sessionId')}::UUID AND w.token = k.token
  RETURNING w.kind, w.target, w.token, w.started_at
), history AS (
  INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, event)
  SELECT target, kind, token, ${number('sessionId')}::UUID, started_at, 'finished'
  FROM released WHERE kind = ${kind}
    AND COALESCE((SELECT p.keep_finished FROM holdfast.kind AS p WHERE p.kind = ${kind}), true)
  RETURNING token
)${changeIn(shape)}`;
  const unlessAlive = unlessAliveOf(number, system);
  const unlessValid = unlessHeld(number, 'released');
  return { ctes, unlessAlive, unlessValid };
}

/**
 * The end of several claims as one statement around the user's change: frees the keys, clears the backoff,
 * writes the history, makes the change. Raises, so that none of it stands, unless every key is still held by
 * this session with its token and the session's row is there. PostgreSQL locks that row, so that an eviction
 * since the statement's snapshot shows; CockroachDB is serializable.
 */
export function finishText(shape: ChangeShape, system: System): string {
  const { ctes, unlessAlive, unlessValid } = finishParts(shape, system);
  return `WITH ${ctes}
SELECT CAST(CASE
  ${unlessAlive}
  ${unlessValid}
  ELSE '1' END AS INT8) AS finished`;
}

/**
 * A change that keeps the works it belongs to, as one statement: makes the change, and raises, so that it does not stand,
 * unless every key is held by this session with its token and the session's row is there. On PostgreSQL both rows are
 * locked until it has committed, so an end or a take-over comes before and shows, or waits; CockroachDB is serializable.
 */
export function stepText(shape: ChangeShape, system: System): string {
  const number = numberIn(shape);
  const cockroach = system === 'cockroachdb';
  const mine = `holder = ${number('sessionId')}::UUID AND`;
  const held = cockroach
    ? `SELECT w.target
  FROM ${keysOf(number)}
  JOIN holdfast.work AS w ON w.kind = k.kind AND w.target = k.target AND w.${mine} w.token = k.token`
    : `SELECT h.target
  FROM ${keysOf(number)}
  CROSS JOIN LATERAL (
    SELECT w.target FROM holdfast.work AS w
    WHERE w.kind = k.kind AND w.target = k.target AND w.${mine} w.token = k.token
    LIMIT 1 FOR NO KEY UPDATE
  ) AS h`;
  return `WITH held AS (
  ${held}
)${changeIn(shape)}
SELECT CAST(CASE
  ${unlessAliveOf(number, system)}
  ${unlessHeld(number, 'held')}
  ELSE '1' END AS INT8) AS stepped`;
}
