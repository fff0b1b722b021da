import { inspect } from 'node:util';
import { InvalidOptionError, isText, WorkConflictError } from '../base/index.ts';
import { claimWork } from '../queries/work.ts';
import type { Executor } from '../query/index.ts';

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
  readonly keys: readonly HeldKey[];
}

/** The same of a row that a claim by query wrote: it has no further keys. */
export function claimedFrom(
  kind: string,
  row: {
    readonly target: string;
    readonly token: bigint;
    readonly takenFrom: string | null;
    readonly backoffSeconds: bigint | null;
  },
): Claimed {
  const { target, token, takenFrom, backoffSeconds } = row;
  return {
    target,
    token,
    takenFrom: takenFrom ?? undefined,
    backoffSeconds: backoffSeconds === null ? undefined : Number(backoffSeconds),
    keys: [{ kind, target, token }],
  };
}

/** A further key that the claim must hold: it excludes all work that names it, of whichever process. */
export interface ExclusionKey {
  /** Name of the group, such as `power-feed`. */
  readonly group: string;
  /** Which of the group, such as the feed's name. */
  readonly key: string;
}

/** Something to work on. A plain string is a target without further keys. */
export type Candidate = string | { readonly target: string; readonly exclude?: readonly ExclusionKey[] };

export interface ClaimRequest {
  readonly kind: string;
  readonly sessionId: string;
  readonly candidates: readonly Candidate[];
  readonly wanted: number;
}

const GROUP = 'group:';

export function checkKind(kind: string): string {
  if (typeof kind !== 'string' || kind === '' || kind.length > 200)
    throw new InvalidOptionError('kind', 'expected a name of 1 to 200 characters');
  if (!isText(kind)) throw new InvalidOptionError('kind', 'has a zero byte');
  if (kind.startsWith(GROUP))
    throw new InvalidOptionError('kind', `"${kind}" begins with "${GROUP}", which names exclusion groups`);
  return kind;
}

/**
 * Claims up to `wanted` of the candidates, in their order, each with all of its keys or not at all. One
 * statement; must run in the transaction that retrieved the candidates, so that what made them candidates
 * still holds. Gives an empty list when there are none or all are backing off; throws WorkConflictError when a
 * live session holds the others.
 */
export async function claim(tx: Executor, request: ClaimRequest): Promise<Claimed[]> {
  const wishes = independent(request.candidates, request.kind);
  if (wishes.length === 0) return [];
  const flat = wishes.flatMap((keys, ord) => keys.map((key) => ({ ord: BigInt(ord), ...key })));
  const rows = await claimWork(tx, {
    ords: flat.map(({ ord }) => ord),
    kinds: flat.map(({ kind }) => kind),
    targets: flat.map(({ target }) => target),
    kind: request.kind,
    sessionId: request.sessionId,
    wanted: BigInt(request.wanted),
  });
  const taken = new Map<bigint, typeof rows>();
  for (const row of rows) {
    if (row.token !== null) taken.set(row.ord, [...(taken.get(row.ord) ?? []), row]);
  }
  if (taken.size === 0) {
    const held = rows.filter((row) => row.held).map(({ kind, target }) => `${kind} of ${target}`);
    if (held.length === 0) return [];
    throw new WorkConflictError(`held by a live session: ${held.slice(0, 5).join(', ')}`);
  }
  return [...taken].map(([ord, keys]) => {
    const wish = wishes[Number(ord)]!;
    // Another claimer came between the statement's reading and its writing: none of it must stand.
    if (keys.length !== wish.length) throw new WorkConflictError(`${request.kind} of ${wish[0]!.target}`);
    const own = keys.find((key) => key.kind === request.kind)!;
    return {
      target: own.target,
      token: own.token!,
      backoffSeconds: own.backoffSeconds === null ? undefined : Number(own.backoffSeconds),
      takenFrom: own.takenFrom ?? undefined,
      keys: keys.map(({ kind, target, token }) => ({ kind, target, token: token! })),
    };
  });
}

const isKey = (key: Partial<ExclusionKey> | undefined) => isText(key?.group) && isText(key.key);
const SHORT = { depth: 0, maxStringLength: 100, breakLength: Infinity };

/** Each candidate's keys; a candidate that shares a key with an earlier one waits for another claim. */
function independent(candidates: readonly Candidate[], kind: string) {
  const seen = new Set<string>();
  const wishes: { kind: string; target: string }[][] = [];
  if (!Array.isArray(candidates))
    throw new InvalidOptionError('retrieve', 'expected it to give an array of candidates');
  for (const candidate of candidates as readonly Candidate[]) {
    const { target, exclude = [] } =
      typeof candidate === 'string' ? { target: candidate } : (candidate ?? {});
    if (!isText(target) || target === '')
      throw new InvalidOptionError(
        'retrieve',
        `a candidate is not a non-empty text, nor an object with such a target: ${inspect(candidate, SHORT)}`,
      );
    if (!Array.isArray(exclude) || !exclude.every(isKey))
      throw new InvalidOptionError('retrieve', `exclude of ${target} is not a list of { group, key } texts`);
    const keys = [
      { kind, target },
      ...exclude.map(({ group, key }) => ({ kind: GROUP + group, target: key })),
    ];
    const names = keys.map((key) => JSON.stringify([key.kind, key.target]));
    if (names.some((name) => seen.has(name))) continue;
    for (const name of names) seen.add(name);
    wishes.push(keys);
  }
  return wishes;
}
