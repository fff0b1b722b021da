import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Database } from '../../../src/index.ts';
import { Child } from '../../support/child.ts';
import { killConnections } from '../../support/kill-connections.ts';
import type { SeededRandom } from '../../support/seed.ts';
import { rows } from '../../support/sql.ts';
import { violations } from './invariants.ts';
import { createChaosSchema } from './schema.ts';

export interface ChaosOptions {
  readonly url: string;
  readonly random: SeededRandom;
  /** How long faults go on. */
  readonly seconds: number;
  readonly workers: number;
  readonly jobs: number;
  readonly rounds: number;
  /** Session interval of the workers. */
  readonly intervalMs: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly finished: number;
  readonly abandoned: number;
  readonly started: number;
  readonly violations: readonly string[];
  /** Exit codes of the workers that were asked to drain. */
  readonly exits: readonly (number | NodeJS.Signals)[];
}

const WORKER = new URL('./worker.ts', import.meta.url);

/**
 * Workers as processes of their own on one queue of jobs, while a seeded hand kills them, stops them past their
 * deadline and continues them, and ends their connections. Then the faults stop, the queue drains, the workers
 * drain, and the invariants are checked.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { url, random, seconds, intervalMs } = options;
  await using db = await connect({ url });
  await createChaosSchema(db, options.jobs, options.rounds);
  const faults = { killed: 0, stopped: 0, 'connections ended': 0 };
  const crew: Child[] = [];
  const hire = async () => {
    const child = new Child(WORKER, [url, random.pick(['pg', 'postgres']), String(intervalMs), '60'], {
      CHAOS_QUIET: '1',
    });
    crew.push(child);
    await child.line();
  };
  try {
    await Promise.all(Array.from({ length: options.workers }, hire));
    const until = performance.now() + seconds * 1_000;
    while (faults.killed === 0 || performance.now() < until) {
      await delay(random.integer(50, 500));
      const victim = random.pick(crew);
      const fault = random.integer(0, 9);
      if (fault < 3 || faults.killed === 0) {
        // However slow the host, somebody dies with work in hand.
        const holding = await holders(db, crew);
        if (holding.length === 0) continue;
        faults.killed++;
        const dying = holding.includes(victim) ? victim : holding[0]!;
        dying.signal('SIGKILL');
        crew.splice(crew.indexOf(dying), 1);
        await hire();
      } else if (fault < 5) {
        faults.stopped++;
        victim.signal('SIGSTOP');
        void delay(intervalMs * (0.5 + 1.5 * random.next())).then(() => victim.signal('SIGCONT'));
      } else {
        faults['connections ended'] += await killConnections(url, 'chaos-worker');
      }
    }
    // Faults stop; nobody stays stopped.
    await delay(intervalMs * 2);
    for (const child of crew) child.signal('SIGCONT');
    await drained(db);
    for (const child of crew) child.signal('SIGTERM');
    const exits = await Promise.all(crew.map((child) => child.exited));
    const count = async (event: string) =>
      Number(
        (
          await rows(
            db,
            "SELECT count(*) FROM holdfast.work_history WHERE kind = 'chaos' AND event = $1",
            event,
          )
        )[0]![0],
      );
    return {
      seed: random.seed,
      faults,
      started: await count('started'),
      finished: await count('finished'),
      abandoned: await count('abandoned'),
      violations: await violations(db, { atRest: true }),
      exits,
    };
  } finally {
    for (const child of crew) await child[Symbol.asyncDispose]();
  }
}

/** Those of the crew that hold work now, by the pid that a session gives as its runtime info. */
async function holders(db: Database, crew: readonly Child[]): Promise<Child[]> {
  const holding = await rows(
    db.guardedWithin(60_000),
    'SELECT s.instance FROM holdfast.active_work AS w JOIN holdfast.session AS s ON s.session_id = w.session_id',
  );
  const names = holding.map(([info]) => info!);
  return crew.filter(({ process: { pid } }) => names.some((name) => name.endsWith(` pid ${pid}`)));
}

/** Waits until every job has had its rounds, for as long as there is progress. */
async function drained(db: Database): Promise<void> {
  let last = -1;
  let since = performance.now();
  for (;;) {
    const [row] = await rows(db, 'SELECT sum(wanted - round), sum(round) FROM job');
    if (row![0] === '0') return;
    if (Number(row![1]) !== last) {
      last = Number(row![1]);
      since = performance.now();
    }
    if (performance.now() - since > 20_000) return;
    await delay(50);
  }
}
