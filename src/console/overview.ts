import type { Backlog, Face } from '../faces/index.ts';
import { leftOvers, pageOfWork, recentEnds, sessionsByComponent } from '../queries/console.ts';
import type { Executor } from '../query/index.ts';
import type { SentOverview, SentProblem, SentTime } from './wire.ts';

const SLOT_MS = 15_000;
const SLOTS = 40;
/** Rows of work that one look reads. */
const SCAN = 15_000;
/** Of each kind so many ends of a look count. */
const MOST_ENDS = 20_000n;
const SHOWN = 50;
/** A kind is in a storm when so many of its last ends failed, and that is most of them. */
const STORM = 10;

interface Slot {
  ends: number;
  failures: number;
  totalMs: number;
  longestMs: number;
}

interface Kept {
  readonly target: string;
  readonly kind: string;
  readonly state: string;
  readonly cause: string | null;
  readonly since: Date | null;
}

/** What a walk through the work table has found. */
interface Walk {
  position: [string, string];
  readonly counts: Map<string, { held: number; keptBack: number; stuck: number }>;
  readonly kept: Kept[];
}

const newWalk = (): Walk => ({ position: ['', ''], counts: new Map(), kept: [] });

/**
 * What is so now, and was in the last minutes: made of the database alone. Each look costs at most five statements, however large
 * the tables are: it reads the work table piece by piece, and asks one face after the other.
 */
export class Overview {
  readonly #faces: readonly Face[];
  /** By the start of the slot, then by kind. */
  readonly #ends = new Map<number, Map<string, Slot>>();
  readonly #backlogs = new Map<string, readonly Backlog[]>();
  readonly #waiting = new Map<number, Map<string, number>>();
  #walk = newWalk();
  #last: Walk | undefined;
  #turn = 0;
  #readUpToMs = 0;

  constructor(faces: readonly Face[]) {
    this.#faces = faces.filter(({ pages }) => pages?.backlog);
  }

  async look(on: Executor): Promise<SentOverview> {
    const { now } = await leftOvers(on);
    const sessions = await sessionsByComponent(on);
    await this.#readEnds(on, now);
    await this.#walkOn(on);
    const face = this.#faces[this.#turn++ % Math.max(1, this.#faces.length)];
    if (face) this.#backlogs.set(face.name, await face.pages!.backlog!(on));
    this.#noteWaiting(now);
    return this.#put(now, sessions);
  }

  async #readEnds(on: Executor, now: Date): Promise<void> {
    const current = slotOf(now.getTime());
    const oldest = current - (SLOTS - 1) * SLOT_MS;
    for (const slot of this.#ends.keys()) if (slot < oldest) this.#ends.delete(slot);
    // The last slot that was read was not over then.
    const since = Math.max(oldest, slotOf(this.#readUpToMs));
    for (let slot = since; slot <= current; slot += SLOT_MS) this.#ends.set(slot, new Map());
    const rows = await recentEnds(on, {
      since: new Date(since),
      until: new Date(current + SLOT_MS),
      slotMs: SLOT_MS,
      most: MOST_ENDS,
    });
    for (const { kind, slot, ends, failures, averageMs, longestMs } of rows)
      this.#ends.get(Number(slot))?.set(kind, {
        ends: Number(ends),
        failures: Number(failures),
        totalMs: averageMs * Number(ends),
        longestMs,
      });
    this.#readUpToMs = now.getTime();
  }

  async #walkOn(on: Executor): Promise<void> {
    const walk = this.#walk;
    const [afterTarget, afterKind] = walk.position;
    const rows = await pageOfWork(on, {
      afterTarget,
      afterKind,
      scan: BigInt(SCAN),
      prefix: null,
      kind: null,
      states: ['held', 'quarantined', 'backs off', 'parked', 'abandoned', 'failed'],
      sessionId: null,
      page: BigInt(SCAN),
    });
    for (const { wanted, target, kind, state, cause, startedAt, notBefore } of rows) {
      if (!wanted) continue;
      const count = walk.counts.get(kind) ?? { held: 0, keptBack: 0, stuck: 0 };
      walk.counts.set(kind, count);
      if (state === 'held') count.held++;
      else count.keptBack++;
      if (state !== 'quarantined' && state !== 'abandoned') continue;
      if (state === 'quarantined') count.stuck++;
      if (walk.kept.length < SHOWN)
        walk.kept.push({ target, kind, state, cause, since: startedAt ?? notBefore });
    }
    const last = rows.at(-1);
    if (last && last.scanned === BigInt(SCAN)) {
      walk.position = [last.target, last.kind];
      return;
    }
    this.#last = walk;
    this.#walk = newWalk();
  }

  #noteWaiting(now: Date): void {
    const current = slotOf(now.getTime());
    const waiting = new Map<string, number>();
    for (const { subject, waiting: count } of [...this.#backlogs.values()].flat())
      if (count > 0) waiting.set(subject, count);
    this.#waiting.set(current, waiting);
    for (const slot of this.#waiting.keys())
      if (slot <= current - SLOTS * SLOT_MS) this.#waiting.delete(slot);
  }

  #put(now: Date, sessions: Awaited<ReturnType<typeof sessionsByComponent>>): SentOverview {
    const current = slotOf(now.getTime());
    const slots = Array.from({ length: SLOTS }, (_, i) => current - (SLOTS - 1 - i) * SLOT_MS);
    const walk = this.#last ?? this.#walk;
    const backlogs = [...this.#backlogs.values()].flat();
    const recent = new Map<string, { ends: number; failures: number }>();
    for (const [slot, byKind] of this.#ends)
      if (slot > current - 9 * SLOT_MS)
        for (const [kind, { ends, failures }] of byKind) {
          const sum = recent.get(kind) ?? { ends: 0, failures: 0 };
          recent.set(kind, { ends: sum.ends + ends, failures: sum.failures + failures });
        }
    const names = new Set([
      ...walk.counts.keys(),
      ...recent.keys(),
      ...backlogs.filter(({ waiting }) => waiting > 0).map(({ subject }) => subject),
    ]);
    const sums = slots.map((slot) => sumOf(this.#ends.get(slot)));
    return {
      problems: this.#problems(walk, backlogs, recent, sessions, current),
      isComplete: this.#last !== undefined,
      kinds: [...names].sort().map((kind) => {
        const backlog = backlogs.find(({ subject, waiting }) => subject === kind && waiting > 0);
        return {
          kind,
          ...(walk.counts.get(kind) ?? { held: 0, keptBack: 0, stuck: 0 }),
          waiting: backlog?.waiting ?? null,
          oldest: timeOf(backlog?.oldestAt),
          ...(recent.get(kind) ?? { ends: 0, failures: 0 }),
        };
      }),
      sessions: sessions.map(({ component, sessions: all, live }) => ({
        component,
        live: Number(live),
        dead: Number(all - live),
      })),
      slots: slots.map((slot) => slot / 1_000),
      slotMs: SLOT_MS,
      rates: [
        { name: 'ended a minute', values: sums.map((sum) => sum && perMinute(sum.ends - sum.failures)) },
        { name: 'failed a minute', values: sums.map((sum) => sum && perMinute(sum.failures)) },
      ],
      latencies: [
        {
          name: 'average s',
          values: sums.map((sum) => (sum && sum.ends > 0 ? sum.totalMs / sum.ends / 1_000 : null)),
        },
        {
          name: 'longest s',
          values: sums.map((sum) => (sum && sum.ends > 0 ? sum.longestMs / 1_000 : null)),
        },
      ],
      backlog: [
        {
          name: 'waiting',
          values: slots.map((slot) => {
            const waiting = this.#waiting.get(slot);
            return waiting ? [...waiting.values()].reduce((a, b) => a + b, 0) : null;
          }),
        },
      ],
    };
  }

  #problems(
    walk: Walk,
    backlogs: readonly Backlog[],
    recent: ReadonlyMap<string, { ends: number; failures: number }>,
    sessions: Awaited<ReturnType<typeof sessionsByComponent>>,
    current: number,
  ): SentProblem[] {
    const because = (cause: string | null) => (cause === null ? '' : `: ${cause}`);
    const kept = walk.kept.map(
      ({ target, kind, state, cause, since }): SentProblem => ({
        state: state === 'quarantined' ? 'stuck' : 'warning',
        subject: kind,
        text:
          state === 'quarantined'
            ? `${target} is quarantined${because(cause)}`
            : `${target} is held by a dead session`,
        since: timeOf(since),
        target,
        list: null,
      }),
    );
    const many = [...walk.counts].flatMap(([kind, { stuck }]): SentProblem[] =>
      stuck > walk.kept.filter((one) => one.kind === kind && one.state === 'quarantined').length
        ? [
            problem('stuck', kind, `${stuck} targets are quarantined`, 'kept-back', {
              kind,
              state: 'quarantined',
            }),
          ]
        : [],
    );
    const faces = backlogs.flatMap((backlog) => {
      const { subject, stuck = 0, example, problem: text, oldestAt, list = null } = backlog;
      const waits =
        stuck === 1
          ? {
              ...problem('stuck', subject, `${example ?? 'one'} waits for an operator`),
              target: example ?? null,
              list,
            }
          : { ...problem('stuck', subject, `${stuck} wait for an operator, such as ${example}`), list };
      return [
        ...(stuck > 0 ? [waits] : []),
        ...(text === undefined
          ? []
          : [{ ...problem('warning', subject, text), since: timeOf(oldestAt), list }]),
      ];
    });
    const storms = [...recent].flatMap(([kind, { ends, failures }]) =>
      failures >= STORM && failures * 2 > ends
        ? [
            problem('warning', kind, `${failures} of the last ${ends} ends failed: a retry storm`, 'ended', {
              kind,
              event: 'failed',
            }),
          ]
        : [],
    );
    const growing = [...(this.#waiting.get(current) ?? [])].flatMap(([subject, count]) => {
      const before = this.#waiting.get(current - 4 * SLOT_MS)?.get(subject) ?? count;
      return count > 2 * before && count >= STORM
        ? [problem('warning', subject, `its backlog grows: ${before} a minute ago, ${count} now`)]
        : [];
    });
    const dead = sessions.flatMap(({ component, sessions: all, live }) =>
      all > live && live === 0n
        ? [
            problem('warning', component, 'none of its sessions is alive', 'sessions', {
              component,
            }),
          ]
        : [],
    );
    return [...many, ...kept, ...faces, ...storms, ...growing, ...dead].sort(
      (a, b) => Number(a.state !== 'stuck') - Number(b.state !== 'stuck'),
    );
  }
}

const problem = (
  state: SentProblem['state'],
  subject: string,
  text: string,
  id?: string,
  filters: Readonly<Record<string, string>> = {},
): SentProblem => ({
  state,
  subject,
  text,
  since: null,
  target: null,
  list: id === undefined ? null : { id, filters },
});

const slotOf = (ms: number) => Math.floor(ms / SLOT_MS) * SLOT_MS;
const perMinute = (count: number) => (count * 60_000) / SLOT_MS;
const timeOf = (time: Date | null | undefined): SentTime | null =>
  time ? { time: time.toISOString() } : null;

function sumOf(byKind: ReadonlyMap<string, Slot> | undefined): Slot | null {
  if (!byKind) return null;
  const sum: Slot = { ends: 0, failures: 0, totalMs: 0, longestMs: 0 };
  for (const { ends, failures, totalMs, longestMs } of byKind.values()) {
    sum.ends += ends;
    sum.failures += failures;
    sum.totalMs += totalMs;
    sum.longestMs = Math.max(sum.longestMs, longestMs);
  }
  return sum;
}
