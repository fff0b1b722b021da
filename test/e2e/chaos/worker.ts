// A process of a chaos run: every face's loops, or what feeds them, until SIGTERM or until the conductor is gone.
import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { checkOptions, Doubling, pause, within } from '../../../src/base/index.ts';
import { connect, type Database, DatabaseError, HoldfastError } from '../../../src/index.ts';
import { seededRandom } from '../../support/seed.ts';
import { type ChaosFace, ChaosFailure, loadFaces, type Surroundings } from './face.ts';
import { observeAs } from './observe.ts';
import { POLL_MS, type Told, type WorkerOptions, workerSchema } from './process.ts';

const GRACE_MS = 5_000;
/** Between two looks whether every loop has claimed. */
const READY_MS = 50;
/** Codes that the library has to turn into an error of its own, or to try again at. */
const UNCLASSIFIED = ['40001', '40003', '40P01'];

const tell = (told: Told) => process.stdout.write(`${JSON.stringify(told)}\n`);

await run(checkOptions(workerSchema, JSON.parse(process.argv[2]!)));

async function run(options: WorkerOptions): Promise<void> {
  const { role, name, intervalMs, mutation } = options;
  const clock = { skewMs: options.skewMs };
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given: [] | [number | string | Date]) {
      if (given.length === 0) super(RealDate.now() + clock.skewMs);
      else super(given[0]);
    }
    static override now(): number {
      return RealDate.now() + clock.skewMs;
    }
  } as DateConstructor;
  observeAs(name);
  const faces = await loadFaces(options.faces);
  if (mutation !== undefined) {
    const [face, what] = mutation.split(': ') as [string, string];
    (await loadFaces([face]))[0]!.mutations[what]!();
  }
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  tell({ told: 'up' });
  const orders = createInterface({ input: process.stdin });
  orders.on('close', () => process.exit(1));
  orders.on('line', (line) => {
    const [order, ms] = line.split(' ');
    if (order === 'clock') clock.skewMs += Number(ms);
    else for (const until = performance.now() + Number(ms); performance.now() < until; );
  });
  const onError = (error: unknown, during: string) => tell(describe(error, during));
  const db = await connectAtLast(options, stopping.signal);
  const surroundings: Surroundings = {
    db,
    name,
    intervalMs,
    pollIntervalMs: POLL_MS,
    random: seededRandom(name, { seed: options.seed, quiet: true }),
    onError,
  };
  flushCompileCache();
  if (role === 'feeder') {
    tell({ told: 'ready' });
    const feeding = Promise.all(faces.map((face) => feed(face, surroundings, stopping.signal)));
    await pause(Infinity, stopping.signal).catch(() => {});
    // A statement that is never answered ends when the database is closed.
    await within(GRACE_MS, feeding);
  } else await work(faces, surroundings, stopping.signal);
  await db.close();
  tell({ told: 'drained' });
  // A process that exits by itself has nothing open any more: the pipe from the conductor is no concern of its own.
  orders.removeAllListeners('close');
  orders.close();
  process.stdin.destroy();
}

/** The database may be down at this moment. */
async function connectAtLast(
  { url, driver, name, poolMax, maxLifetimeMs }: WorkerOptions,
  signal: AbortSignal,
): Promise<Database> {
  const pauses = new Doubling(50, 1_000);
  for (;;) {
    try {
      return await connect({
        url,
        driver,
        applicationName: name,
        pool: { max: poolMax, ...(maxLifetimeMs !== undefined && { maxLifetimeMs }) },
        connectTimeoutMs: 5_000,
      });
    } catch (error) {
      if (signal.aborted) process.exit(0);
      tell(describe(error, 'connect'));
    }
    await pause(pauses.next());
  }
}

/** Runs every loop until the signal. It is ready when each of them has claimed once. */
async function work(
  faces: readonly ChaosFace[],
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  const loops = faces.flatMap((face) => face.work(surroundings));
  const isReady = () => loops.every(({ state }) => state.lastPollAgeMs !== undefined);
  while (!signal.aborted && !isReady()) await pause(READY_MS, signal).catch(() => {});
  tell({ told: 'ready' });
  await pause(Infinity, signal).catch(() => {});
  await Promise.all(loops.map((loop) => loop.stop({ graceMs: GRACE_MS })));
}

async function feed(face: ChaosFace, surroundings: Surroundings, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await face.feed(surroundings);
    } catch (error) {
      surroundings.onError(error, 'feed');
    }
    await delay(surroundings.random.integer(10, 60));
  }
}

function describe(error: unknown, during: string): Told {
  // A process without its expiry check may throw nothing at all.
  const { name, code, message } = Object(error) as { name?: string; code?: string; message?: string };
  const isOurs = error === undefined || error instanceof HoldfastError || error instanceof ChaosFailure;
  const isClassified = isOurs && !(error instanceof DatabaseError && UNCLASSIFIED.includes(error.code));
  const said = error instanceof DatabaseError ? `${name} ${code}` : `${name ?? typeof error}`;
  return {
    told: 'error',
    during,
    error: said,
    isClassified,
    message: String(message ?? error).slice(0, 300),
  };
}
