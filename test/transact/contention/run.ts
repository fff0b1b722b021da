import type { Database } from '../../../src/index.ts';
import type { SeededRandom } from '../../support/seed.ts';
import { rows, sql } from '../../support/sql.ts';
import { type CommittedTransaction, replay, serialOrder } from './history.ts';
import type { Trace, Workload } from './workloads.ts';

export interface ContentionOptions {
  readonly workload: Workload;
  readonly workers: number;
  readonly rows: number;
  /** Of all workers together. */
  readonly transactions: number;
  readonly random: SeededRandom;
  readonly maxRetries?: number | undefined;
}

/** How one transaction fared. */
export interface Fate {
  readonly attempts: number;
  /** Transactions of others that were committed between its begin and its end. */
  readonly overtakenBy: number;
  readonly ms: number;
}

export interface ContentionResult {
  readonly history: readonly CommittedTransaction[];
  readonly fates: readonly Fate[];
  readonly retries: number;
  readonly ms: number;
}

/** Puts `count` rows at version 0. */
export async function resetCells(db: Database, count: number): Promise<void> {
  await db.execute(sql('DELETE FROM cell WHERE true'));
  await db.execute(
    sql(
      'INSERT INTO cell (id, version) SELECT id, 0 FROM generate_series(0, $1::INT8 - 1) AS id',
      String(count),
    ),
  );
}

/** Workers that take one transaction after another from a common plan, as fast as they can. */
export async function contend(db: Database, options: ContentionOptions): Promise<ContentionResult> {
  const { workload, workers, random, transactions, maxRetries } = options;
  const plan = Array.from({ length: transactions }, () => workload.pick(random, options.rows));
  const history: CommittedTransaction[] = [];
  const fates: Fate[] = [];
  let next = 0;
  const begun = performance.now();
  const worker = async () => {
    for (let number = next++; number < transactions; number = next++) {
      const committedBefore = history.length;
      const started = performance.now();
      let trace: Trace | undefined;
      let attempts = 0;
      await db.transact(
        async (tx, { attempt }) => {
          attempts = attempt;
          trace = { reads: new Map(), writes: new Map() };
          await workload.run(tx, plan[number]!, trace);
        },
        { name: workload.name, ...(maxRetries === undefined ? {} : { maxRetries }) },
      );
      fates.push({
        attempts,
        overtakenBy: history.length - committedBefore,
        ms: performance.now() - started,
      });
      history.push({ number, ...trace! });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return {
    history,
    fates,
    retries: fates.reduce((sum, { attempts }) => sum + attempts - 1, 0),
    ms: performance.now() - begun,
  };
}

/** Throws unless some serial order gives what every transaction saw and what the database now has. */
export async function assertSerializable(db: Database, { history }: ContentionResult): Promise<void> {
  const expected = replay(serialOrder(history));
  for (const [id, version] of await rows(db, 'SELECT id, version FROM cell')) {
    const left = expected.get(Number(id)) ?? 0;
    if (Number(version) !== left)
      throw new Error(`row ${id} is at version ${version}; the history left ${left}`);
  }
}

/** The value that a share of the numbers does not exceed. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export interface FairnessOptions {
  readonly workers: number;
  /**
   * How often the largest of the median, the number of workers, and eight, may others overtake a transaction.
   * Undefined: not looked at.
   */
  readonly times: number | undefined;
  /** Nobody fails, so the order is that of the server's queues. */
  readonly serverQueues: boolean;
}

/** What `maxRetries` allows by default. */
export const ATTEMPTS_AT_MOST = 16;

/**
 * Nobody starves: attempts are bounded, and while a transaction is under way, no more than so many of others are
 * committed.
 */
export function assertFair(
  { fates }: ContentionResult,
  { workers, times, serverQueues }: FairnessOptions,
): void {
  const attempts = Math.max(...fates.map((fate) => fate.attempts));
  if (attempts > ATTEMPTS_AT_MOST) throw new Error(`a transaction needed ${attempts} attempts`);
  // Where the server lets nobody fail, in what order it serves who waits for its locks is its own.
  if (serverQueues || times === undefined) return;
  const overtaken = fates.map(({ overtakenBy }) => overtakenBy);
  const most = times * Math.max(quantile(overtaken, 0.5), workers, 8);
  const worst = Math.max(...overtaken);
  if (worst > most)
    throw new Error(`a transaction was overtaken by ${worst} others; at most ${most} were to be`);
}

/** One line for people; the times are for information. */
export function describeFates({ fates, retries, ms, history }: ContentionResult): string {
  const spread = (key: keyof Fate) =>
    [0.5, 0.99, 1]
      .map((share) =>
        Math.round(
          quantile(
            fates.map((fate) => fate[key]),
            share,
          ),
        ),
      )
      .join('/');
  return (
    `${history.length} transactions, ${retries} retries; median/p99/most: attempts ${spread('attempts')}, ` +
    `overtaken by ${spread('overtakenBy')}, ms ${spread('ms')}; ${Math.round(ms)} ms in all`
  );
}
