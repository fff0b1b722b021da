import { encodeParam, rowDecoder } from './build.ts';
import { finishParts, finishText, stepText } from './change-text.ts';
import { claimParts, claimRows, claimText, type ParameterNumbers, type System } from './claim-text.ts';
import { int8, text, uuid } from './codecs.ts';
import { arrayOf } from './collections.ts';
import type { ParamSpec } from './definition.ts';
import { renumbered } from './renumber.ts';
import type { RawResult, Statement } from './statement.ts';

/** What the compiler writes down for a `:claim`, `:step` or `:finish`: the author's own statement, not yet wrapped. */
export interface WorkQueryDefinition {
  readonly name: string;
  /** Undefined: an end without a change. */
  readonly text?: string;
  readonly kind: string;
  /** How many rows a `:claim` looks at when its SELECT has no LIMIT. */
  readonly limit?: number;
  readonly operation?: string;
  readonly collection?: string;
  readonly params: readonly ParamSpec[];
}

/** Who claims, how many, which of its claims this is, and a random value that a refusal of the server's must show. */
export interface ClaimCaller {
  readonly sessionId: string;
  readonly claimNumber: bigint;
  readonly wanted: bigint;
  readonly refusal: string;
}

/** A claim with its parameters: give it to `session.claim`. */
export interface BoundClaim {
  readonly command: 'claim';
  readonly kind: string;
  readonly name: string;
  /** Tells claims of the same query with the same values: they can be made together. */
  readonly key: string;
  readonly definition: WorkQueryDefinition;
  readonly params: object;
  statement(caller: ClaimCaller, system: System): Statement;
  decodeRows(raw: RawResult): ClaimedRow[];
}

/** A retrieval that takes what it finds, in one statement: `session.claim(claimJobs.with({ tenant }))`. */
export interface ClaimQuery<P> {
  readonly command: 'claim';
  readonly kind: string;
  readonly definition: WorkQueryDefinition;
  /** Binds the parameters; throws MisuseError naming the query and the field. */
  readonly with: (...params: keyof P extends never ? [] : [params: P]) => BoundClaim;
}

export interface ClaimedRow {
  /** Null in the only row when there was nothing to do. */
  readonly target: string | null;
  /** Null when another claimer was faster. */
  readonly token: bigint | null;
  readonly takenFrom: string | null;
  readonly backoffSeconds: bigint | null;
  readonly failures: bigint | null;
}

/** What a change tells of the claims that it belongs to, in parallel arrays: `targets` their own, the rest each key. */
export interface ChangedKeys {
  readonly sessionId: string;
  readonly targets: readonly string[];
  readonly keyKinds: readonly string[];
  readonly keyTargets: readonly string[];
  readonly keyTokens: readonly bigint[];
  readonly refusal: string;
}

/** A change with its parameters: give it to `finish` or `step` of works. */
export interface BoundChange<Command extends 'finish' | 'step' = 'finish' | 'step'> {
  readonly command: Command;
  readonly kind: string;
  readonly name: string;
  /** Tells changes of the same query with the same values: works can be ended by one of them together. */
  readonly key: string;
  readonly definition: WorkQueryDefinition;
  readonly params: object;
  statement(keys: ChangedKeys, system: System): Statement;
}

interface ChangeQuery<Command extends 'finish' | 'step', P> {
  readonly command: Command;
  readonly kind: string;
  readonly definition: WorkQueryDefinition;
  /** Binds the parameters; throws MisuseError naming the query and the field. */
  readonly with: (...params: keyof P extends never ? [] : [params: P]) => BoundChange<Command>;
}

/** A change that finishes the works it belongs to, in one statement: `work.finish(finishJob.with({ doneBy }))`. */
export type FinishQuery<P> = ChangeQuery<'finish', P>;
/** A change that keeps the works it belongs to, in one statement: `work.step(noteProgress.with({ percent }))`. */
export type StepQuery<P> = ChangeQuery<'step', P>;

const claimedRow = rowDecoder<ClaimedRow>({
  name: 'claim',
  text: '',
  params: [],
  columns: [
    ['target', text, 'null'],
    ['token', int8, 'null'],
    ['takenFrom', uuid, 'null'],
    ['backoffSeconds', int8, 'null'],
    ['failures', int8, 'null'],
  ],
});

/** Fields that the session fills in. */
const FILLED_IN = new Set([
  'sessionId',
  'claimNumber',
  'wanted',
  'refusal',
  'targets',
  'keyKinds',
  'keyTargets',
  'keyTokens',
]);

let queries = 0;

/** What is the same for the three commands: binding, and the statement put together once for each engine. */
function wrapped<Own extends object>(
  definition: WorkQueryDefinition,
  ofCommand: Own,
  textFor: (numbers: ParameterNumbers, system: System) => string,
) {
  const { name, operation, collection } = definition;
  const numbers = numbersOf(definition, 0);
  const texts = new Map<System, string>();
  const number = ++queries;
  return (params: object = {}) => {
    // Encoding them refuses values that cannot be, for the one who gave them. Undefined: the session fills it in.
    const own = definition.params.map(([field], i) =>
      FILLED_IN.has(field) ? undefined : encodeParam(definition as never, i, params as never),
    );
    return {
      ...ofCommand,
      name,
      definition,
      params,
      // A step never asks for it.
      get key() {
        return `${number}${JSON.stringify(own)}`;
      },
      statement: (more: object, system: System): Statement => {
        const known = texts.get(system) ?? textFor(numbers, system);
        texts.set(system, known);
        const filledIn = { ...params, ...more } as Readonly<Record<string, unknown>>;
        return {
          text: known,
          name,
          operation,
          collection,
          values: own.map((value, i) => (value === undefined ? encodedAt(definition, i, filledIn) : value)),
        };
      },
    };
  };
}

/** `:claim`. */
export function claim<P>(definition: WorkQueryDefinition): ClaimQuery<P> {
  const { kind, text: retrieval = '', limit } = definition;
  const decodeRows = (raw: RawResult) => raw.rows.map(claimedRow);
  const bind = wrapped(definition, { command: 'claim', kind, decodeRows } as const, (numbers, system) =>
    claimText({ kind, retrieval, limit, numbers }, system),
  );
  return { command: 'claim', kind, definition, with: bind as ClaimQuery<P>['with'] };
}

/** `:finish`. */
export function finish<P>(definition: WorkQueryDefinition): FinishQuery<P> {
  const { kind, text: change } = definition;
  const bind = wrapped(definition, { command: 'finish', kind } as const, (numbers, system) =>
    finishText({ kind, change, numbers }, system),
  );
  return { command: 'finish', kind, definition, with: bind as FinishQuery<P>['with'] };
}

/** `:step`. */
export function step<P>(definition: WorkQueryDefinition): StepQuery<P> {
  const { kind, text: change } = definition;
  const bind = wrapped(definition, { command: 'step', kind } as const, (numbers, system) =>
    stepText({ kind, change, numbers }, system),
  );
  return { command: 'step', kind, definition, with: bind as StepQuery<P>['with'] };
}

const releases = new Map<string, BoundChange<'finish'>>();

/** A finish without a change. */
export function plainFinish(kind: string): BoundChange<'finish'> {
  const known =
    releases.get(kind) ??
    finish<Record<never, never>>({
      name: 'FinishWork',
      kind,
      operation: 'WITH',
      collection: 'holdfast.work',
      params: [
        ['sessionId', uuid],
        ['keyKinds', arrayOf(text)],
        ['keyTargets', arrayOf(text)],
        ['keyTokens', arrayOf(int8)],
        ['refusal', text],
      ],
    }).with();
  releases.set(kind, known);
  return known;
}

const fusedTexts = new WeakMap<WorkQueryDefinition, WeakMap<WorkQueryDefinition, string | false>>();

/**
 * A finish and a claim as ONE statement. The claim sees the database as it was before the finish, where what is
 * being finished is held by a live session, so it passes that over. PostgreSQL only: CockroachDB refuses a statement
 * that changes a table twice. Undefined where it cannot be made.
 */
export function finishAndClaimStatement(
  finish: BoundChange<'finish'>,
  keys: ChangedKeys,
  claim: BoundClaim,
  caller: ClaimCaller,
): Statement | undefined {
  const byClaim = fusedTexts.get(finish.definition) ?? new WeakMap<WorkQueryDefinition, string | false>();
  fusedTexts.set(finish.definition, byClaim);
  const known = byClaim.get(claim.definition) ?? fusedText(finish.definition, claim.definition) ?? false;
  byClaim.set(claim.definition, known);
  if (known === false) return undefined;
  const { operation, collection } = claim.definition;
  return {
    text: known,
    name: `${finish.name} ${claim.name}`,
    operation,
    collection,
    values: [
      ...encoded(finish.definition, { ...finish.params, ...keys }),
      ...encoded(claim.definition, { ...claim.params, ...caller }),
    ],
  };
}

function fusedText(finish: WorkQueryDefinition, claim: WorkQueryDefinition): string | undefined {
  const retrieval = renumbered(claim.text ?? '', finish.params.length);
  if (retrieval === undefined) return undefined;
  const done = finishParts(
    { kind: finish.kind, change: finish.text, numbers: numbersOf(finish, 0) },
    'postgresql',
  );
  const next = claimParts(
    { kind: claim.kind, retrieval, limit: claim.limit, numbers: numbersOf(claim, finish.params.length) },
    'postgresql',
  );
  return `WITH ${done.ctes}, ${next.ctes}\n${claimRows('postgresql', next.unlessAlive, done.unlessValid, next.unlessValid)}`;
}

const numbersOf = ({ params }: WorkQueryDefinition, offset: number): ParameterNumbers =>
  Object.fromEntries(params.map(([field], i) => [field, offset + i + 1]));

const encoded = (definition: WorkQueryDefinition, params: object) => {
  const given = params as Readonly<Record<string, unknown>>;
  return definition.params.map((_, i) => encodedAt(definition, i, given));
};

const encodedAt = (definition: WorkQueryDefinition, i: number, given: Readonly<Record<string, unknown>>) => {
  const field = definition.params[i]![0];
  // An author's own use of it may have made another integer of it; as text they are the same.
  if (field === 'wanted') return int8.encode(given['wanted'] as bigint);
  // A change gets them as the claim gave them, in the server's text, whatever type it has them in.
  if (field === 'targets' && 'keyTargets' in given)
    return targetList.encode(given['targets'] as readonly string[]);
  return encodeParam(definition as never, i, given);
};

const targetList = arrayOf(text);
