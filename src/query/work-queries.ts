import { encodeParam, rowDecoder } from './build.ts';
import { claimText, type ParameterNumbers } from './claim-text.ts';
import { int8, text, uuid } from './codecs.ts';
import type { ParamSpec } from './definition.ts';
import { finishText } from './finish-text.ts';
import type { RawResult, Statement } from './statement.ts';

/** What the compiler writes down for a `:claim` or `:finish`: the author's own statement, not yet wrapped. */
export interface WorkQueryDefinition {
  readonly name: string;
  readonly text: string;
  readonly process: string;
  /** Of a `:claim` whose SELECT has no LIMIT. */
  readonly limit?: number;
  readonly operation?: string;
  readonly collection?: string;
  readonly params: readonly ParamSpec[];
}

type System = 'postgresql' | 'cockroachdb';

/** A retrieval that takes what it finds, in one statement: give it to `session.claim`. */
export interface ClaimQuery<P> {
  readonly kind: 'claim';
  readonly process: string;
  readonly definition: WorkQueryDefinition;
  /** Encodes the parameters; throws InvalidParameterError naming the query and the field. */
  statement(params: P & { readonly sessionId: string; readonly wanted: bigint }, system: System): Statement;
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
  readonly keyProcesses: readonly string[];
  readonly keyTargets: readonly string[];
  readonly keyTokens: readonly bigint[];
}

/** A change that finishes the work it belongs to, in one statement: give it to `session.finish`. */
export interface FinishQuery<P> {
  readonly kind: 'finish';
  readonly process: string;
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
  const { process, text: retrieval, limit } = definition;
  const statement = wrapped(definition, (numbers, system) =>
    claimText({ process, retrieval, limit, numbers }, system),
  );
  const decodeRows = (raw: RawResult) => raw.rows.map(claimedRow);
  return { kind: 'claim', process, definition, statement, decodeRows };
}

/** `:finish`. */
export function finish<P>(definition: WorkQueryDefinition): FinishQuery<P> {
  const { process, text: change } = definition;
  const statement = wrapped(definition, (numbers, system) =>
    finishText({ process, change, numbers }, system),
  );
  return { kind: 'finish', process, definition, statement };
}

/** Puts the statement together once for each engine. */
function wrapped(
  definition: WorkQueryDefinition,
  textFor: (numbers: ParameterNumbers, system: System) => string,
): (params: object, system: System) => Statement {
  const { name, operation, collection, params: specs } = definition;
  const numbers = Object.fromEntries(specs.map(([field], i) => [field, i + 1]));
  const texts = new Map<System, string>();
  return (params, system) => {
    const known = texts.get(system) ?? textFor(numbers, system);
    texts.set(system, known);
    const given = params as Readonly<Record<string, unknown>>;
    const values = specs.map(([field], i) =>
      // An author's own use of it may have made another integer of it; as text they are the same.
      field === 'wanted' ? int8.encode(given[field] as bigint) : encodeParam(definition, i, given),
    );
    return { text: known, name, operation, collection, values };
  };
}
