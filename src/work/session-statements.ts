import { LEAST_PATIENCE_MS } from '../base/index.ts';
import type { ClaimPool, DriverConnection, Engine } from '../database/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { LiveSession } from '../sessions/index.ts';
import type { Telemetry } from '../telemetry/index.ts';
import type { GuardedExecutor } from './settle.ts';

const SETTLE_WITHIN_MS = 30_000;

/**
 * Where the one-statement claims and finishes of a session run. None outlasts the session: when it expires the
 * connections of those under way are cut. None waits longer than an interval for its answer: a network that lost this
 * connection alone is not noticed by heartbeats.
 */
export class SessionStatements implements GuardedExecutor {
  readonly signal: AbortSignal;
  readonly #live: LiveSession;
  readonly #pool: ClaimPool;
  readonly #telemetry: Telemetry;
  readonly #running = new Set<DriverConnection>();

  constructor(live: LiveSession, pool: ClaimPool, telemetry: Telemetry) {
    this.#live = live;
    this.#pool = pool;
    this.#telemetry = telemetry;
    this.signal = live.signal;
    const cut = () => {
      for (const connection of [...this.#running]) connection.destroy(new Error('the session has ended'));
    };
    live.signal.addEventListener('abort', cut, { once: true });
  }

  /** Settling must not take longer than an operator would wait. */
  get settleWithinMs(): number {
    return Math.max(2 * this.#live.intervalMs, SETTLE_WITHIN_MS);
  }

  get system(): Engine['system'] {
    return this.#pool.system;
  }

  execute(statement: Statement): Promise<RawResult> {
    return this.#run(statement, [statement]);
  }

  executeTogether(statements: readonly Statement[]): Promise<RawResult> {
    return this.#run(statements.at(-1)!, statements);
  }

  #run(named: Statement, statements: readonly Statement[]): Promise<RawResult> {
    const deadline = performance.now() + Math.max(this.#live.intervalMs, LEAST_PATIENCE_MS);
    const options = { signal: this.signal, deadline, running: this.#running };
    return this.#telemetry.statement(named, undefined, () => this.#pool.run(statements, options));
  }
}
