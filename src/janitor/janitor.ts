import { type Attributes, metrics, type ObservableCallback } from '@opentelemetry/api';
import { z } from 'zod';
import { checkOptions, invalidOption, pause } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import {
  closeAbandonedWork,
  countSessions,
  countWork,
  deleteOldHistory,
  evictExpiredSessions,
} from '../queries/janitor.ts';
import { deleteMarkers } from '../queries/markers.ts';
import type { Transaction } from '../transact/index.ts';

const DAY_MS = 86_400_000;
const STATEMENT_TIMEOUT_MS = 30_000;

const durationMs = z.number().positive();

/** How many targets wait for a process. Only reads. */
export type CountPending = (tx: Transaction) => Promise<number | bigint>;

/** Options of `runJanitor`. Durations are milliseconds. */
export const janitorSchema = z.strictObject({
  /** Between two sweeps. Default 10,000; each pause is between three and five quarters of it. */
  intervalMs: durationMs.optional(),
  /** Work history is kept this long. Default 90 days; Infinity keeps it for good. */
  historyRetentionMs: z.union([durationMs, z.literal(Infinity)]).optional(),
  /** Commit markers are kept this long; longer than any client waits for an outcome. Default 1 day. */
  markerRetentionMs: z.number().min(60_000).optional(),
  /** A statement of it that is not answered within this is given up, and the sweep with it. Default 30,000. */
  statementTimeoutMs: durationMs.optional(),
  /**
   * Counts the targets that wait for a process, by its name: your tables say what there is to do. Each runs in a
   * read-only transaction, as often as work is counted, and may be retried.
   */
  pending: z
    .record(
      z.string().min(1).max(200),
      z.custom<CountPending>((value) => typeof value === 'function'),
    )
    .optional(),
  /** Work and what is pending is counted this often, since that reads whole tables. Default 1 minute. */
  countIntervalMs: durationMs.optional(),
  /** Old history, and work whose dead holder no sweep saw, are looked for this often, since it scans. Default 1 hour. */
  historyIntervalMs: durationMs.optional(),
  /** Most rows that one statement deletes. Default 1,000. */
  page: z.int().min(1).max(10_000).optional(),
  /** Told of every sweep that failed; the next one tries again. What it throws becomes a process warning. */
  onError: z.custom<(error: unknown) => void>((value) => typeof value === 'function').optional(),
});

/** Options of `runJanitor`; each has a default. Durations are milliseconds. */
export type JanitorOptions = z.input<typeof janitorSchema>;

/** What one sweep did. */
export interface Sweep {
  /** Sessions past their deadline that were deleted. */
  readonly sessions: number;
  /** Lock rows of dead holders that were freed, those of exclusion groups included. */
  readonly abandoned: number;
  /** Rows of work history that were deleted for their age. */
  readonly history: number;
  /** Commit markers that were deleted for their age. */
  readonly markers: number;
}

/** A running janitor. */
export interface Janitor {
  /** Resolves when it has ended after `stop`; never rejects. */
  readonly done: Promise<void>;
  /**
   * One whole sweep now, old history included, after the one that is running. Throws what the database said;
   * `onError` is for the regular ones.
   */
  sweep(): Promise<Sweep>;
  /** Ends it after the page that is being swept. Takes the gauges back. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Sweeps up behind the dead: their session rows, their work (history says abandoned), old history, commit
 * markers; measures: work held, backing off and (where it is told how) pending by process, live sessions by
 * component.
 *
 * Nobody waits for it: take-over does not need a janitor. Any number of replicas may run; every statement is
 * guarded and in pages, so they do not disturb each other. It uses `db` without a session: stop it before
 * closing `db`.
 *
 * Throws MisuseError, at once, naming the wrong option.
 */
export function runJanitor(db: Database, options: JanitorOptions = {}): Janitor {
  const checked = checkOptions(janitorSchema, options) as JanitorOptions;
  if (typeof db?.guardedWithin !== 'function') throw invalidOption('db', 'expected a Database');
  const stopping = new AbortController();
  const gauges = publishGauges();
  const guarded = db.guardedWithin(checked.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS);
  let historyDueAt = 0;
  let countDueAt = 0;

  const sweepOnce = async (everything: boolean): Promise<Sweep> => {
    const { page = 1_000, historyRetentionMs = 90 * DAY_MS, markerRetentionMs = DAY_MS } = checked;
    const pages = async (once: () => Promise<number>) => {
      let all = 0;
      for (;;) {
        const count = await once();
        all += count;
        if (count < page || stopping.signal.aborted) return all;
      }
    };
    const size = BigInt(page);
    const sessions = await pages(async () => (await evictExpiredSessions(guarded, { page: size })).length);
    const due = everything || performance.now() >= historyDueAt;
    // A page of work is a scan: after deaths, which a page of sessions shows, and now and then.
    const abandoned =
      sessions === 0 && !due
        ? 0
        : await pages(async () => (await closeAbandonedWork(guarded, { page: size })).length);
    const markers = await pages(() =>
      deleteMarkers(guarded, { page: size, olderThanMs: BigInt(Math.round(markerRetentionMs)) }),
    );
    let history = 0;
    if (due) historyDueAt = performance.now() + (checked.historyIntervalMs ?? 3_600_000);
    if (due && historyRetentionMs !== Infinity) {
      history = await pages(() =>
        deleteOldHistory(guarded, { page: size, olderThanMs: BigInt(Math.round(historyRetentionMs)) }),
      );
    }
    if (everything || performance.now() >= countDueAt) {
      countDueAt = performance.now() + (checked.countIntervalMs ?? 60_000);
      gauges.work(await countWork(guarded));
      gauges.pending(await countPending(db, checked));
    }
    gauges.sessions(await countSessions(guarded));
    return { sessions, abandoned, history, markers };
  };

  let turn: Promise<unknown> = Promise.resolve();
  const sweep = (everything: boolean): Promise<Sweep> => {
    const mine = turn.then(() => sweepOnce(everything));
    turn = mine.catch(() => {});
    return mine;
  };

  const report = (error: unknown) => {
    try {
      checked.onError?.(error);
    } catch (thrown) {
      process.emitWarning(thrown instanceof Error ? thrown : String(thrown), 'HoldfastHookWarning');
    }
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        await sweep(false);
      } catch (error) {
        report(error);
      }
      await pause((checked.intervalMs ?? 10_000) * (0.75 + Math.random() * 0.5), stopping.signal).catch(
        () => {},
      );
    }
    gauges.close();
  };
  const done = run();
  const stop = async () => {
    stopping.abort();
    await done;
  };
  return { done, sweep: () => sweep(true), stop, [Symbol.asyncDispose]: stop };
}

async function countPending(
  db: Database,
  { pending = {}, statementTimeoutMs: deadlineMs = STATEMENT_TIMEOUT_MS }: JanitorOptions,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [kind, count] of Object.entries(pending)) {
    const options = { name: `${kind} pending`, readOnly: true, deadlineMs };
    counts.set(kind, Number(await db.transact((tx) => count(tx), options)));
  }
  return counts;
}

const WORK_GAUGES = [
  ['active', 'Work held by live sessions'],
  ['backoff', 'Targets backing off'],
  ['parked', 'Targets that are parked'],
  ['quarantined', 'Targets that no claim takes until an operator releases them'],
] as const;

type KindCounts = { readonly kind: string } & Readonly<
  Record<'active' | 'backingOff' | 'parked' | 'quarantined', bigint>
>;

/** The gauges, each with what was counted last. */
function publishGauges() {
  const meter = metrics.getMeter('holdfast');
  let work: readonly KindCounts[] = [];
  let pending: ReadonlyMap<string, number> = new Map();
  let sessions: readonly { component: string; live: bigint }[] = [];
  const close: (() => void)[] = [];
  const publish = (
    name: string,
    description: string,
    rows: () => Iterable<readonly [number | bigint, Attributes]>,
  ) => {
    const gauge = meter.createObservableGauge(name, { description });
    const observe: ObservableCallback = (result) => {
      for (const [count, attributes] of rows()) result.observe(Number(count), attributes);
    };
    gauge.addCallback(observe);
    close.push(() => gauge.removeCallback(observe));
  };
  for (const [name, description] of WORK_GAUGES) {
    const field = name === 'backoff' ? 'backingOff' : name;
    publish(`holdfast.work.${name}`, description, () =>
      work.map((row) => [row[field], { kind: row.kind }] as const),
    );
  }
  publish('holdfast.work.pending', 'Targets that wait, by kind', () =>
    [...pending].map(([kind, count]) => [count, { kind }] as const),
  );
  publish('holdfast.sessions.live', 'Live sessions', () =>
    sessions.map(({ component, live }) => [live, { component }] as const),
  );
  return {
    work(counted: typeof work) {
      work = counted;
    },
    pending(counted: typeof pending) {
      pending = counted;
    },
    sessions(counted: typeof sessions) {
      sessions = counted;
    },
    close() {
      for (const take of close) take();
    },
  };
}
