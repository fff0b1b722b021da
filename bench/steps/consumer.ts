/** A consumer of commands in a process of its own: carries out so many as it is told, and tells how long that took. */
import { connect, runControlLoop } from '../../src/index.ts';
import { handlers, type Isolation, queueOf } from './queue.ts';

export interface Consumer {
  readonly url: string;
  readonly isolation: Isolation;
  readonly keepsState: boolean;
  readonly workers: number;
}

/** How many to carry out, how long at most, and the parts of them at which to look at the memory. */
export interface Order {
  readonly commands: number;
  readonly seconds?: number;
  readonly marks?: readonly number[];
}

export interface Drained {
  readonly commands: number;
  readonly ms: number;
  readonly clientUs: number;
  /** Largest resident memory in bytes until each mark. */
  readonly rss: readonly number[];
}

const { url, isolation, keepsState, workers } = JSON.parse(process.argv[2]!) as Consumer;
const queue = queueOf(isolation, keepsState);
const db = await connect({ url });

async function drain({ commands, seconds, marks = [] }: Order): Promise<Drained> {
  let left = commands;
  let peak = 0;
  const rss: number[] = [];
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  const done = Promise.withResolvers<void>();
  const late = seconds === undefined ? undefined : setTimeout(done.resolve, seconds * 1_000);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const loop = runControlLoop(db, {
    source: queue.source,
    parallelism: workers,
    // Other programs may keep a machine from its heartbeats for seconds.
    intervalMs: 60_000,
    handle: async (work) => {
      const outcomes = await queue.consume(work, handlers);
      left -= outcomes.length;
      for (const mark of marks.slice(rss.length))
        if (commands - left >= mark * commands) {
          look();
          rss.push(peak);
        }
      if (left <= 0) done.resolve();
    },
    onError: (error, during) => console.error(`${isolation}, ${during}:`, error),
  });
  await done.promise;
  const ms = performance.now() - started;
  const carriedOut = commands - left;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(timer);
  clearTimeout(late);
  await loop.stop();
  return { commands: carriedOut, ms, clientUs: user + system, rss };
}

process.on('disconnect', () => process.exit());
process.on('message', async (said: Order | 'stop') => {
  if (said !== 'stop') return void process.send?.(await drain(said));
  await db.close();
  process.exit();
});
process.send?.('up');
