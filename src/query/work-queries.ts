import { encodeParam, rowDecoder } from './build.ts';
import { claimParts, claimRows, claimText, type ParameterNumbers, type System } from './claim-text.ts';
import { int8, text, uuid } from './codecs.ts';
import type { ParamSpec } from './definition.ts';
import { finishParts, finishText } from './finish-text.ts';
import { renumbered } from './renumber.ts';
import type { RawResult, Statement } from './statement.ts';

/** What the compiler writes down for a `:claim` or `:finish`: the author's own statement, not yet wrapped. */
export interface WorkQueryDefinition {
  readonly name: string;
  readonly text: string;
  readonly kind: string;
  /** Of a `:claim` whose SELECT has no LIMIT. */
  readonly limit?: number;
  readonly operation?: string;
  readonly collection?: string;
  readonly params: readonly ParamSpec[];
}

/** Who claims, how many, and which of its claims this is. */
export interface ClaimCaller {
  readonly sessionId: string;
  readonly claimNumber: bigint;
  readonly wanted: bigint;
}

/** A retrieval that takes what it finds, in one statement: give it to `session.claim`. */
export interface ClaimQuery<P> {
  readonly command: 'claim';
  readonly kind: string;
  readonly definition: WorkQueryDefinition;
  /** Encodes the parameters; throws InvalidParameterError naming the query and the field. */
  statement(params: P & ClaimCaller, system: System): Statement;
  decodeRows(raw: RawResult): ClaimedRow[];
}

export interface ClaimedRow {
  /** Null in the only row when there was nothing to do. */
  readonly target: string | null;
  /** Null when another claimer was faster. */
  readonly token: bigint | null;
  readonly takenFrom: string | null;
  readonly backoffSeconds: bigint | null;
}

/** What a finish tells of the claims that it ends, in parallel arrays: `targets` their own, the rest each key. */
export interface FinishedKeys {
  readonly sessionId: string;
  readonly targets: readonly string[];
  readonly keyKinds: readonly string[];
  readonly keyTargets: readonly string[];
  readonly keyTokens: readonly bigint[];
}

/** A change that finishes the work it belongs to, in one statement: give it to `session.finish`. */
export interface FinishQuery<P> {
  readonly command: 'finish';
  readonly kind: string;
  readonly definition: WorkQueryDefinition;
  statement(params: P & FinishedKeys, system: System): Statement;
}

const claimedRow = rowDecoder<ClaimedRow>({
  name: 'claim',
  text: '',
  params: [],
  columns: [
    ['target', text, 'null'],
    ['token', int8, 'null'],
    ['takenFrom', uuid, 'null'],
    ['backoffSeconds', int8, 'null'],
  ],
});

/** `:claim`. */
export function claim<P>(definition: WorkQueryDefinition): ClaimQuery<P> {
  const { kind, text: retrieval, limit } = definition;
  const statement = wrapped(definition, (numbers, system) =>
    claimText({ kind, retrieval, limit, numbers }, system),
  );
  const decodeRows = (raw: RawResult) => raw.rows.map(claimedRow);
  return { command: 'claim', kind, definition, statement, decodeRows };
}

/** `:finish`. */
export function finish<P>(definition: WorkQueryDefinition): FinishQuery<P> {
  const { kind, text: change } = definition;
  const statement = wrapped(definition, (numbers, system) => finishText({ kind, change, numbers }, system));
  return { command: 'finish', kind, definition, statement };
}

const fusedTexts = new WeakMap<WorkQueryDefinition, WeakMap<WorkQueryDefinition, string | false>>();

/**
 * A finish and a claim as ONE statement. The claim sees the database as it was before the finish, where what is
 * being finished is held by a live session, so it passes that over. PostgreSQL only: CockroachDB refuses a statement
 * that changes a table twice. Undefined where it cannot be made.
 */
export function finishAndClaimStatement<F, C>(
  finish: FinishQuery<F>,
  done: F & FinishedKeys,
  claim: ClaimQuery<C>,
  next: C & ClaimCaller,
): Statement | undefined {
  const byClaim = fusedTexts.get(finish.definition) ?? new WeakMap<WorkQueryDefinition, string | false>();
  fusedTexts.set(finish.definition, byClaim);
  const known = byClaim.get(claim.definition) ?? fusedText(finish.definition, claim.definition) ?? false;
  byClaim.set(claim.definition, known);
  if (known === false) return undefined;
  const { operation, collection } = claim.definition;
  return {
    text: known,
    name: `${finish.definition.name} ${claim.definition.name}`,
    operation,
    collection,
    values: [...encoded(finish.definition, done), ...encoded(claim.definition, next)],
  };
}

function fusedText(finish: WorkQueryDefinition, claim: WorkQueryDefinition): string | undefined {
  const retrieval = renumbered(claim.text, finish.params.length);
  if (retrieval === undefined) return undefined;
  const done = finishParts(
    { kind: finish.kind, change: finish.text, numbers: numbersOf(finish, 0) },
    'postgresql',
  );
  const next = claimParts(
    {
      kind: claim.kind,
      retrieval,
      limit: claim.limit,
      numbers: numbersOf(claim, finish.params.length),
    },
    'postgresql',
  );
  return `WITH ${done.ctes}, ${next.ctes}\n${claimRows(next.unlessAlive, done.unlessValid, next.unlessValid)}`;
}

const numbersOf = ({ params }: WorkQueryDefinition, offset: number): ParameterNumbers =>
  Object.fromEntries(params.map(([field], i) => [field, offset + i + 1]));

const encoded = (definition: WorkQueryDefinition, params: object) => {
  const given = params as Readonly<Record<string, unknown>>;
  return definition.params.map(([field], i) =>
    // An author's own use of it may have made another integer of it; as text they are the same.
    field === 'wanted' ? int8.encode(given[field] as bigint) : encodeParam(definition, i, given),
  );
};

/** Puts the statement together once for each engine. */
function wrapped(
  definition: WorkQueryDefinition,
  textFor: (numbers: ParameterNumbers, system: System) => string,
): (params: object, system: System) => Statement {
  const { name, operation, collection } = definition;
  const numbers = numbersOf(definition, 0);
  const texts = new Map<System, string>();
  return (params, system) => {
    const known = texts.get(system) ?? textFor(numbers, system);
    texts.set(system, known);
    return { text: known, name, operation, collection, values: encoded(definition, params) };
  };
}
