import { metrics } from '@opentelemetry/api';
import { checkOptions, Doubling, invalidOption, Service } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import type { Face, FaceGauges, FaceSweep, GaugeRows, UpkeepHost } from '../faces/index.ts';
import { coreFace } from './core-face.ts';
import { type JanitorOptions, janitorSchema, STATEMENT_TIMEOUT_MS } from './options.ts';

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
  /** The same of every sweep of other faces, by its name. */
  readonly [sweep: string]: number;
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
  return new FaceJanitor(db, checked);
}

class FaceJanitor implements Janitor {
  readonly #service: Service;
  readonly #options: JanitorOptions;
  readonly #faces: readonly Face[];
  readonly #host: UpkeepHost;
  readonly #gauges: PublishedGauges;
  #turn: Promise<unknown> = Promise.resolve();
  /** When what runs seldom is due again, by performance.now(). */
  #sweepDueAt = 0;
  #countDueAt = 0;

  constructor(db: Database, options: JanitorOptions) {
    this.#options = options;
    this.#faces = [coreFace(options), ...(options.faces ?? [])];
    this.#host = {
      guarded: db.guardedWithin(options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS),
      transact: (body, how) => db.transact(body, how),
    };
    this.#gauges = new PublishedGauges(this.#faces.flatMap(({ gauges = [] }) => gauges));
    const { intervalMs = 10_000, onError } = options;
    this.#service = new Service({
      turn: async () => {
        await this.#inTurn(false);
        return intervalMs * (0.75 + Math.random() * 0.5);
      },
      onError,
      recovery: new Doubling(intervalMs, intervalMs),
    });
  }

  get done(): Promise<void> {
    return this.#service.done;
  }

  sweep(): Promise<Sweep> {
    return this.#inTurn(true);
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    this.#gauges.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #inTurn(everything: boolean): Promise<Sweep> {
    const mine = this.#turn.then(() => this.#sweepOnce(everything));
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #sweepOnce(everything: boolean): Promise<Sweep> {
    const { historyIntervalMs = 3_600_000, countIntervalMs = 60_000 } = this.#options;
    const counts: Record<string, number> = {};
    const seldom = everything || performance.now() >= this.#sweepDueAt;
    for (const sweep of this.#faces.flatMap(({ sweeps = [] }) => sweeps)) {
      const isDue = sweep.when !== 'seldom' || seldom || (counts[sweep.after ?? ''] ?? 0) > 0;
      counts[sweep.name] = isDue ? await this.#pages(sweep) : 0;
    }
    if (seldom) this.#sweepDueAt = performance.now() + historyIntervalMs;
    const count = everything || performance.now() >= this.#countDueAt;
    if (count) this.#countDueAt = performance.now() + countIntervalMs;
    await this.#gauges.read(this.#host, count);
    return counts as unknown as Sweep;
  }

  async #pages(sweep: FaceSweep): Promise<number> {
    const { page = 1_000 } = this.#options;
    let all = 0;
    for (;;) {
      const count = await sweep.page(this.#host, BigInt(page));
      all += count;
      if (count < page || this.#service.stopping.aborted) return all;
    }
  }
}

/** Gauges that show what was read last, for as long as the janitor runs. */
class PublishedGauges {
  readonly #gauges: readonly FaceGauges[];
  readonly #rows = new Map<string, GaugeRows>();
  readonly #close: (() => void)[] = [];

  constructor(gauges: readonly FaceGauges[]) {
    this.#gauges = gauges;
    const meter = metrics.getMeter('holdfast');
    const named = gauges.flatMap(({ descriptions, units }) =>
      Object.entries(descriptions).map(([name, description]) => ({
        name,
        description,
        unit: units?.[name] ?? '',
      })),
    );
    for (const { name, ...how } of named) {
      const gauge = meter.createObservableGauge(name, how);
      const observe: Parameters<typeof gauge.addCallback>[0] = (result) => {
        for (const [value, attributes] of this.#rows.get(name) ?? [])
          result.observe(Number(value), attributes);
      };
      gauge.addCallback(observe);
      this.#close.push(() => gauge.removeCallback(observe));
    }
  }

  async read(host: UpkeepHost, seldom: boolean): Promise<void> {
    for (const gauges of this.#gauges) {
      if (gauges.when === 'seldom' && !seldom) continue;
      for (const [name, rows] of Object.entries(await gauges.read(host))) this.#rows.set(name, rows);
    }
  }

  close(): void {
    for (const take of this.#close) take();
  }
}
