import type { ExplainWorkRow } from '../queries/explain.ts';
import { GROUP } from '../work/index.ts';
import type { Offer } from './pages.ts';
import type { Fact, Finding, TargetState, Wish } from './part.ts';
import { clock, lasting } from './words.ts';

/** What a lock row is judged with. */
export interface Circumstances {
  /** What a face says of it. Undefined: no face decides about this kind. */
  readonly wish: Wish | undefined;
  /** Rows of the exclusion keys that it is claimed with. */
  readonly keys: readonly ExplainWorkRow[];
  /** Every row that was read: names what else a session holds. */
  readonly all: readonly ExplainWorkRow[];
  /** How many live sessions each component has. */
  readonly live: ReadonlyMap<string, number>;
  /** Components that are known to carry this kind out. */
  readonly components: readonly string[];
}

export const isGroup = ({ kind }: { readonly kind: string }) => kind.startsWith(GROUP);

/**
 * Whether it waits for a claim: a face says so, or its last claim ended otherwise than by a finish. A claim without an end
 * in the history counts as finished unless it has failures: its kind keeps no finishes, or the row was too old.
 */
function waits({ holder, failures, lastEvent }: ExplainWorkRow, wish: Wish | undefined): boolean {
  if (wish) return wish.waits;
  return holder !== null || failures > 0n || (lastEvent !== null && lastEvent !== 'finished');
}

/** What is true of a lock row: the first of these that holds. Undefined: there is nothing to say. */
export function judge(row: ExplainWorkRow, about: Circumstances): Finding | undefined {
  const finding = (state: TargetState, reason: string, text: string): Finding => ({
    state,
    reason,
    subject: row.kind,
    text,
  });
  if (row.isLive) return finding('progressing', 'held', heldBy(row));
  if (about.wish && !about.wish.waits) return undefined;
  const isWaiting = waits(row, about.wish);
  const { now, failures, quarantineAfter, pausedAt, pausedCause, availableAt } = row;
  const cause = row.holder === null ? row.backoffCause : 'abandoned';
  const because = cause ? `: ${cause}` : '';
  if (quarantineAfter !== null && failures >= quarantineAfter) {
    const count = failures === 1n ? '1 failure' : `${failures} failures`;
    return finding('stuck', 'quarantined', `quarantined after ${count}${because}`);
  }
  if (pausedAt) {
    const text = `its kind is paused since ${clock(pausedAt, now)}${pausedCause ? `: ${pausedCause}` : ''}`;
    return finding(isWaiting ? 'stuck' : 'free', 'paused', text);
  }
  if (availableAt && availableAt > now) {
    if (row.parked && row.waitsForWake)
      return finding('progressing', 'parked', 'parked until somebody wakes it');
    if (row.parked) return finding('progressing', 'parked', `parked until ${clock(availableAt, now)}`);
    const left = lasting(Math.max(1_000, availableAt.getTime() - now.getTime()));
    return finding(
      'progressing',
      'backoff',
      `backs off for ${left} more after failure ${failures}${because}`,
    );
  }
  if (!isWaiting) {
    const ended = row.endedAt ? `: it ${row.lastEvent} ${lasting(since(row.endedAt, now))} ago` : '';
    return row.token === null ? undefined : finding('free', 'free', `nothing holds it back${ended}`);
  }
  const key = about.keys.find(({ isLive }) => isLive);
  if (key)
    return finding(
      'progressing',
      'excluded',
      `waits for ${keyName(key)}, ${heldBy(key)}${asWork(key, about.all)}`,
    );
  return unclaimed(row, about, finding);
}

/** Nothing but a claim is missing: is there anybody who would make it? */
function unclaimed(
  row: ExplainWorkRow,
  { live, components }: Circumstances,
  finding: (state: TargetState, reason: string, text: string) => Finding,
): Finding {
  const names = [row.kind, row.component, row.lastComponent, ...components].filter((name) => name !== null);
  const serving = [...new Set(names)].find((name) => live.has(name));
  const dead =
    row.holder === null
      ? 'nothing holds it back'
      : `its holder${row.component === null ? '' : ` ${row.component} on ${row.instance}`} is dead, and nothing else holds it back`;
  if (serving !== undefined) {
    const count = live.get(serving)!;
    const who = `${count} live ${count === 1 ? 'session' : 'sessions'} of ${serving}`;
    return finding('progressing', 'claimable', `${dead}: it waits for one of ${who}`);
  }
  const process = [...components, row.component ?? row.lastComponent ?? row.kind].at(0)!;
  const others = live.size === 0 ? 'no session is alive' : `alive: ${[...live.keys()].join(', ')}`;
  return finding('stuck', 'unattended', `${dead}: process ${process} has no live session (${others})`);
}

/** A key of an exclusion group, for a target that is such a key, or that somebody asks about. */
export function judgeKey(row: ExplainWorkRow, all: readonly ExplainWorkRow[]): Finding | undefined {
  if (!row.isLive) return undefined;
  const text = `${keyName(row)} is ${heldBy(row)}${asWork(row, all)}`;
  return { state: 'progressing', reason: 'excluded', subject: row.kind, text };
}

const keyName = ({ kind, target }: ExplainWorkRow) => `key ${target} of group "${kind.slice(GROUP.length)}"`;

function heldBy({ component, instance, startedAt, deadline, now }: ExplainWorkRow): string {
  const held = lasting(since(startedAt!, now));
  return `held by ${component} on ${instance} since ${held}, its session is alive until ${clock(deadline!, now)}`;
}

/** The work that a key is held for, where it is work of the same target. */
function asWork({ holder, target }: ExplainWorkRow, all: readonly ExplainWorkRow[]): string {
  const work = all.find((row) => row.holder === holder && row.target === target && !isGroup(row));
  return work ? `, for ${work.kind}` : '';
}

const since = (time: Date, now: Date) => now.getTime() - time.getTime();

/** A lock row for a table: what was not the case is left out. */
export function factOf(row: ExplainWorkRow, finding: Finding | undefined): Fact {
  return {
    kind: row.kind,
    state: finding?.reason ?? 'free',
    token: row.token,
    holder:
      row.holder === null ? null : row.component === null ? 'dead' : `${row.component} on ${row.instance}`,
    session: row.holder,
    started: row.startedAt,
    deadline: row.deadline,
    'not before': row.isLive ? null : row.availableAt,
    failures: row.isLive || row.failures === 0n ? null : row.failures,
    'last end': row.lastEvent,
    ended: row.endedAt,
    cause: row.backoffCause ?? row.lastCause,
  };
}

/** What an operator may do about a lock row; a live holder goes on undisturbed. */
export function offersOf(row: ExplainWorkRow, finding: Finding | undefined): Offer[] {
  const { kind, target, token, isLive, quarantineAfter, pausedAt } = row;
  if (token === null) return [];
  const args = { kind, target };
  const isQuarantined = finding?.reason === 'quarantined';
  const isKeptBack = isQuarantined || ['backoff', 'parked'].includes(finding?.reason ?? '');
  return [
    ...(!isLive && (isKeptBack || row.holder !== null)
      ? [{ action: isQuarantined ? 'release' : 'retry-now', args }]
      : []),
    ...(!isLive && !isQuarantined && quarantineAfter !== null ? [{ action: 'quarantine', args }] : []),
    pausedAt ? { action: 'resume-kind', args: { kind } } : { action: 'pause-kind', args: { kind } },
  ];
}
