import { inspect } from 'node:util';
import { invalidOption, isText } from '../base/index.ts';
import { claimWork, seenTokens } from '../queries/work.ts';
import {
  type BoundClaim,
  type ClaimCaller,
  type ClaimQuery,
  LONGEST_TARGET,
  type RawResult,
  type Statement,
} from '../query/index.ts';
import type { Transaction, TransactionBody, TransactOptions } from '../transact/index.ts';
import { type RotatingSlice, rotatingSlice } from './rotating.ts';

/** One lock row that a claim holds: the work's own, or a key of an exclusion group. */
export interface HeldKey {
  readonly kind: string;
  readonly target: string;
  readonly token: bigint;
}

/** What a claim got: the work's own key first. */
export interface Claimed {
  readonly target: string;
  readonly token: bigint;
  /** Last backoff period, when the work failed before and has not finished since. */
  readonly backoffSeconds: number | undefined;
  /** The dead session that it was taken over from. */
  readonly takenFrom: string | undefined;
  /** Ends without a finish in a row: failed or abandoned. */
  readonly failures: number;
  readonly keys: readonly HeldKey[];
}

/** A further key that the claim must hold: it excludes all work that names it, of whichever kind. */
export interface ExclusionKey {
  /** Name of the group, such as `power-feed`. */
  readonly group: string;
  /** Which of the group, such as the feed's name. */
  readonly key: string;
}

/** Something to work on. A plain string is a target without further keys. */
export type Candidate = string | { readonly target: string; readonly exclude?: readonly ExclusionKey[] };

/**
 * Finds candidates, best first; the claim takes the first `wanted` of them that are free. It runs in a read-only
 * transaction of one snapshot, maybe several times; the claim that follows takes a candidate only while nobody has held it
 * since. Give a few more than wanted, so that parallel claimers do not meet. Leaving out
 * `holdfast.unavailable_work` is cheaper.
 */
export type Candidates = (
  tx: Transaction,
  wanted: number,
) => Promise<readonly Candidate[]> | readonly Candidate[];

/** A kind of work, and a function that finds candidates for it. */
export interface CandidateSource {
  /** What is done to a target: 1 to 200 characters. */
  readonly kind: string;
  readonly candidates: Candidates;
}

/**
 * Where a claim takes its candidates from: a compiled `:claim` query, with its parameters if it has any, which finds
 * and takes in one round trip; a kind and a function; or `rotating` over the buckets of a queue.
 */
export type Source = BoundClaim | ClaimQuery<Record<never, never>> | CandidateSource | RotatingSource;

/** What a claim needs of the session that makes it. */
export interface SourceHost {
  readonly id: string;
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

/** A source as the claim uses it. */
export interface ClaimSource {
  readonly kind: string;
  /** Tells claims that can be made together; undefined: none can. */
  readonly key: string | undefined;
  /** Finds out what to claim. Undefined: there is nothing to do. */
  look(host: SourceHost, wanted: number): Promise<Look | undefined>;
  /** A source that looks into one place after the other has this; `claim` looks into one of them. */
  take?(
    claim: (source: ClaimSource) => Promise<readonly Claimed[]>,
    wanted: number,
  ): Promise<readonly Claimed[]>;
  /** The query itself, where it is one. */
  readonly query?: BoundClaim;
}

/** One claim statement, still without its caller. */
export interface Look {
  statement(caller: ClaimCaller, system: 'postgresql' | 'cockroachdb'): Statement;
  /** `lost`: some candidates went to others meanwhile. */
  read(raw: RawResult): { readonly taken: readonly Claimed[]; readonly lost: boolean };
  /** The same of the lock rows that a claim has taken whose answer was lost. */
  settled(rows: readonly LockRow[]): readonly Claimed[];
}

interface LockRow {
  readonly target: string;
  readonly kind: string;
  readonly token: bigint;
  readonly takenFrom: string | null;
  readonly backoffSeconds: bigint | null;
  readonly failures: bigint | null;
}

/** A lock key of an exclusion group is a row whose kind begins so. */
export const GROUP = 'group:';

export function checkKind(kind: string): string {
  if (typeof kind !== 'string' || kind === '' || kind.length > 200)
    throw invalidOption('kind', 'expected a name of 1 to 200 characters');
  if (!isText(kind)) throw invalidOption('kind', 'has a zero byte');
  if (kind.startsWith(GROUP))
    throw invalidOption('kind', `"${kind}" begins with "${GROUP}", which names exclusion groups`);
  return kind;
}

const ofFunctions = new WeakMap<object, ClaimSource>();

/** Throws MisuseError for what is no source. */
export function claimSource(source: Source): ClaimSource {
  if (source && 'command' in source && source.command === 'claim') {
    return ofQuery('statement' in source ? source : source.with());
  }
  if (source instanceof RotatingSource) return source.claimSource;
  const { kind, candidates } = (source ?? {}) as Partial<CandidateSource>;
  if (typeof candidates !== 'function')
    throw invalidOption(
      'source',
      'expected a compiled :claim query, or { kind, candidates } with a function',
    );
  const known = ofFunctions.get(source) ?? ofCandidates({ kind: checkKind(kind as string), candidates });
  ofFunctions.set(source, known);
  return known;
}

const claimedFrom = (row: Omit<LockRow, 'kind'>, keys: readonly HeldKey[]): Claimed => ({
  target: row.target,
  token: row.token,
  takenFrom: row.takenFrom ?? undefined,
  backoffSeconds: row.backoffSeconds === null ? undefined : Number(row.backoffSeconds),
  failures: Number(row.failures ?? 0n),
  keys,
});

function ofQuery(query: BoundClaim): ClaimSource {
  const { kind } = query;
  const own = (row: Omit<LockRow, 'kind'>) =>
    claimedFrom(row, [{ kind, target: row.target, token: row.token }]);
  const look: Look = {
    statement: (caller, system) => query.statement(caller, system),
    read(raw) {
      const rows = query.decodeRows(raw);
      const taken: Claimed[] = [];
      for (const { target, token, ...more } of rows)
        if (target !== null && token !== null) taken.push(own({ target, token, ...more }));
      return { taken, lost: rows.some(({ target, token }) => target !== null && token === null) };
    },
    settled: (rows) => rows.map(own),
  };
  return { kind, key: query.key, query, look: async () => look };
}

/** A queue divided into buckets, as a source. Made by `rotating`; share one among the workers of a session. */
export class RotatingSource {
  readonly kind: string;
  // Private, so that the shipped types, without what is internal, still tell this class from any object with a kind.
  readonly #claimSource: ClaimSource;

  /** @internal */
  constructor(slice: RotatingSlice, query: (buckets: readonly bigint[]) => BoundClaim) {
    const { kind } = query([0n]);
    this.kind = kind;
    this.#claimSource = {
      kind,
      key: `r${++functions}`,
      look: async () => undefined,
      take: (claim, wanted) => slice.take((buckets) => claim(ofQuery(query(buckets))), wanted),
    };
  }

  /** @internal */
  get claimSource(): ClaimSource {
    return this.#claimSource;
  }
}

/**
 * A source that looks into a few buckets of a queue at a time, so that workers do not meet at its head: it begins
 * anywhere, stays where there is work, moves on and widens where there is none. `buckets`: how many the table's bucket
 * column is divided into (see `bucketOf`), the same for every worker, 1 to 100,000. `query` gives the compiled `:claim`
 * for some of them: `rotating(64, (buckets) => claimJob.with({ buckets }))`.
 */
export function rotating(
  buckets: number,
  query: (buckets: readonly bigint[]) => BoundClaim,
  random: () => number = Math.random,
): RotatingSource {
  return new RotatingSource(rotatingSlice(buckets, random), query);
}

let functions = 0;

function ofCandidates({ kind, candidates }: CandidateSource): ClaimSource {
  return {
    kind,
    key: `f${++functions}`,
    look: async (host, wanted) => {
      const { wishes, seen } = await host.transact(
        async (tx) => {
          const wishes = independent(await candidates(tx, wanted), kind);
          const keys = wishes.flat();
          if (keys.length === 0) return { wishes, seen: [] };
          const seen = await seenTokens(tx, {
            ns: keys.map((_, i) => BigInt(i)),
            kinds: keys.map((key) => key.kind),
            targets: keys.map((key) => key.target),
          });
          return { wishes, seen };
        },
        { name: `${kind} candidates`, readOnly: true, isolation: 'repeatable read', idempotent: true },
      );
      return wishes.length === 0 ? undefined : lookAt(kind, wishes, seen);
    },
  };
}

interface WishedKey {
  readonly kind: string;
  readonly target: string;
}

function lookAt(
  kind: string,
  wishes: readonly (readonly WishedKey[])[],
  seen: readonly { readonly token: bigint | null; readonly holder: string | null }[],
): Look {
  const flat = wishes.flatMap((keys, ord) => keys.map((key) => ({ ord: BigInt(ord), ...key })));
  const gather = (rows: readonly (LockRow & { readonly ord: bigint })[]): Claimed[] => {
    const byOrd = new Map<bigint, (LockRow & { readonly ord: bigint })[]>();
    for (const row of rows) byOrd.set(row.ord, [...(byOrd.get(row.ord) ?? []), row]);
    return [...byOrd]
      .sort(([a], [b]) => Number(a - b))
      .map(([, keys]) => {
        const own = keys.find((key) => key.kind === kind)!;
        return claimedFrom(own, [own, ...keys.filter((key) => key !== own)]);
      });
  };
  return {
    statement: ({ sessionId, claimNumber, wanted }) =>
      claimWork.statement({
        ords: flat.map(({ ord }) => ord),
        kinds: flat.map((key) => key.kind),
        targets: flat.map(({ target }) => target),
        tokens: seen.map(({ token }) => token ?? 0n),
        holders: seen.map(({ holder }) => holder ?? ''),
        kind,
        sessionId,
        wanted,
        claimNumber,
      }),
    read(raw) {
      const rows = claimWork.result(raw);
      const taken = rows.flatMap((row) => (row.token === null ? [] : [{ ...row, token: row.token }]));
      return { taken: gather(taken), lost: rows.length > taken.length };
    },
    settled(rows) {
      const ords = new Map(flat.map((key) => [JSON.stringify([key.kind, key.target]), key.ord]));
      return gather(
        rows.flatMap((row) => {
          const ord = ords.get(JSON.stringify([row.kind, row.target]));
          return ord === undefined ? [] : [{ ...row, ord }];
        }),
      );
    },
  };
}

const isKey = (key: Partial<ExclusionKey> | undefined) => isText(key?.group) && isText(key.key);
const SHORT = { depth: 0, maxStringLength: 60, breakLength: Infinity };

/** Why it cannot be a target; undefined: it can. */
function wrongTarget(target: unknown): string | undefined {
  if (!isText(target) || target === '') return 'it is not a non-empty text without zero bytes';
  const bytes = Buffer.byteLength(target);
  return bytes > LONGEST_TARGET ? `it has ${bytes} bytes, and ${LONGEST_TARGET} are the most` : undefined;
}

const warned = new Set<string>();

/** One warning a bad candidate and process: a retrieval gives it again and again. */
function warn(kind: string, candidate: unknown, why: string): void {
  const message = `a candidate of ${kind} is left out: ${inspect(candidate, SHORT)}: ${why}`;
  if (warned.has(message)) return;
  if (warned.size >= 1_000) warned.clear();
  warned.add(message);
  process.emitWarning(message, 'HoldfastCandidateWarning');
}

/**
 * Each candidate's keys. One that shares a key with an earlier one waits for another claim. One that cannot be claimed is
 * left out with a process warning that says why, so that it does not keep the others from being worked on.
 */
function independent(candidates: readonly Candidate[], kind: string): WishedKey[][] {
  if (!Array.isArray(candidates)) throw invalidOption('candidates', 'expected the function to give an array');
  const seen = new Set<string>();
  const wishes: WishedKey[][] = [];
  for (const candidate of candidates as readonly Candidate[]) {
    const { target, exclude = [] } =
      typeof candidate === 'string' ? { target: candidate } : (candidate ?? {});
    if (!Array.isArray(exclude) || !exclude.every(isKey)) {
      warn(kind, candidate, 'its exclude is not a list of { group, key } texts');
      continue;
    }
    const keys = [
      { kind, target },
      ...exclude.map(({ group, key }) => ({ kind: GROUP + group, target: key })),
    ];
    const wrong = keys.map((key) => wrongTarget(key.target)).find((why) => why !== undefined);
    if (wrong !== undefined) {
      warn(kind, candidate, wrong);
      continue;
    }
    const names = keys.map((key) => JSON.stringify([key.kind, key.target]));
    if (names.some((name) => seen.has(name))) continue;
    for (const name of names) seen.add(name);
    wishes.push(keys);
  }
  return wishes;
}
