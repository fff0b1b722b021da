import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type FaultProxy, startFaultProxy } from '../../../src/testing/index.ts';
import { Child } from '../../support/child.ts';

export const workerSchema = z.strictObject({
  role: z.enum(['worker', 'feeder']),
  /** Of the process; also its connections' application name. */
  name: z.string(),
  url: z.string(),
  driver: z.enum(['pg', 'postgres']),
  poolMax: z.int().min(1),
  /** Most milliseconds that a connection lives. Default: as in `connect`. */
  maxLifetimeMs: z.int().min(1).optional(),
  intervalMs: z.int().min(1),
  seed: z.int(),
  /** How far its wall clock is wrong, in milliseconds. */
  skewMs: z.number(),
  faces: z.array(z.string()).readonly(),
  /** Protections to take out, `FACE: NAME`. */
  mutation: z.string().optional(),
});
export type WorkerOptions = z.infer<typeof workerSchema>;

/** What a process tells the conductor, one line of JSON each. */
export type Told =
  /** It listens to signals. */
  | { readonly told: 'up' }
  /** Each of its loops has claimed once. */
  | { readonly told: 'ready' }
  | { readonly told: 'drained' }
  | {
      readonly told: 'error';
      readonly during: string;
      readonly error: string;
      readonly isClassified: boolean;
      readonly message: string;
    };

/** Longest pause of its control loops between two looks. */
export const POLL_MS = 500;
const WORKER = new URL('./worker.ts', import.meta.url);
/** Processes start all the time: Node keeps there what it has compiled. */
const NODE_COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/chaos', import.meta.url));

/** One process of a run, as the conductor sees it. */
export class ChaosProcess implements AsyncDisposable {
  readonly name: string;
  readonly role: WorkerOptions['role'];
  /** Between it and the database, if there is one. */
  readonly proxy: FaultProxy | undefined;
  readonly exited: Promise<number | NodeJS.Signals>;
  /** `ready`: faults may strike it. */
  state: 'starting' | 'ready' | 'stopped' | 'ending' = 'starting';
  readonly #child: Child;
  readonly #up = Promise.withResolvers<void>();

  constructor(options: WorkerOptions, proxy: FaultProxy | undefined, hear: (told: Told) => void) {
    this.name = options.name;
    this.role = options.role;
    this.proxy = proxy;
    const given = JSON.stringify({ ...options, url: proxy?.url ?? options.url });
    this.#child = new Child(WORKER, [given], { NODE_COMPILE_CACHE });
    this.exited = this.#child.exited;
    void this.#listen(hear);
  }

  async #listen(hear: (told: Told) => void): Promise<void> {
    for (;;) {
      const line = await this.#child.line().catch(() => undefined);
      if (line === undefined) break;
      const told = JSON.parse(line) as Told;
      if (told.told === 'up') this.#up.resolve();
      if (told.told === 'ready' && this.state === 'starting') this.state = 'ready';
      hear(told);
    }
    this.#up.resolve();
  }

  /** Ended for good: nobody waits for it. */
  kill(): void {
    this.state = 'ending';
    this.#child.signal('SIGKILL');
  }

  /** By SIGTERM, as soon as it listens to that. */
  async askToStop(): Promise<void> {
    this.state = 'ending';
    await this.#up.promise;
    this.#child.signal('SIGTERM');
  }

  halt(): void {
    this.state = 'stopped';
    this.#child.signal('SIGSTOP');
  }

  goOn(): void {
    if (this.state === 'stopped') this.state = 'ready';
    this.#child.signal('SIGCONT');
  }

  order(order: 'clock' | 'block', ms: number): void {
    this.#child.process.stdin?.write(`${order} ${Math.round(ms)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    await this.proxy?.close();
  }
}

/** Starts one, behind a proxy of its own or not. */
export async function startProcess(
  options: WorkerOptions,
  isProxied: boolean,
  hear: (told: Told) => void,
): Promise<ChaosProcess> {
  const proxy = isProxied ? await startFaultProxy({ url: options.url }) : undefined;
  return new ChaosProcess(options, proxy, hear);
}
