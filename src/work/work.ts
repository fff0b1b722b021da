import { checkOptions } from '../database/index.ts';
import { LeaseLostError, SessionExpiredError, WorkEndedError } from '../errors/index.ts';
import { holdWork, releaseWork, workEnding } from '../queries/work.ts';
import { raised } from '../sessions/index.ts';
import { inSpan, PROCESS, PROCESSOR } from '../telemetry/index.ts';
import type { Transaction, TransactionBody, TransactOptions } from '../transact/index.ts';
import { type Backoff, backoffDelayMs, backoffSchema, nextBackoffSeconds } from './backoff.ts';
import type { Claimed } from './claim.ts';

/** What a work handle needs of its session. */
export interface WorkSession {
  readonly id: string;
  readonly processor: string;
  readonly signal: AbortSignal;
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

/** How a piece of work ended, as its history says it. */
export type WorkResult = 'finished' | 'failed' | 'canceled';

export interface WorkHooks {
  ended(work: Work, result: WorkResult): void;
}

const SENTINEL = 'holdfast:lease-lost';
const VERBS = { finished: 'finish', failed: 'fail', canceled: 'cancel' } as const;

/**
 * Exclusive work on one target, held until it ends or its session dies. Ends exactly once: by `finish`, `fail`
 * or `cancel`; `await using` cancels what was none of them.
 *
 * Every write made through it proves its token in the same transaction. Once the work was taken over, each of
 * its methods throws LeaseLostError or SessionExpiredError and changes nothing.
 */
export class Work {
  readonly process: string;
  readonly target: string;
  /** Fencing token: strictly increasing per (process, target). Give it to systems outside the database. */
  readonly token: bigint;
  /** The dead session whose work this was, if it was taken over. */
  readonly takenFrom: string | undefined;
  readonly #session: WorkSession;
  readonly #claimed: Claimed;
  readonly #hooks: WorkHooks;
  readonly #abort = new AbortController();
  readonly #onExpire: () => void;
  #state: 'held' | 'ending' | 'ended' = 'held';

  constructor(session: WorkSession, process: string, claimed: Claimed, hooks: WorkHooks) {
    this.#session = session;
    this.#claimed = claimed;
    this.#hooks = hooks;
    this.process = process;
    this.target = claimed.target;
    this.token = claimed.token;
    this.takenFrom = claimed.takenFrom;
    this.#onExpire = () => this.#abort.abort(session.signal.reason);
    if (session.signal.aborted) this.#onExpire();
    else session.signal.addEventListener('abort', this.#onExpire, { once: true });
  }

  /** Aborts when the session expires or the work turns out to be lost: stop what you are doing. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True once finish, fail or cancel has been carried out. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** A transaction in the middle of the work, committed only while the work is held. */
  async transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    this.#assertOpen('transact');
    const { process, target, token } = this;
    const proof = { process, target, token, sessionId: this.#session.id };
    try {
      return await this.#translated(() =>
        this.#session.transact((tx, info) => together(holdWork(tx, proof), () => body(tx, info)), {
          name: `${process} checkpoint`,
          ...options,
        }),
      );
    } catch (error) {
      if (error instanceof LeaseLostError) this.#lost(error);
      throw error;
    }
  }

  /**
   * Commits the result and releases the work in one transaction: runs `body` in it, clears the backoff, writes
   * the history. `body` should change what makes the target a candidate.
   */
  async finish<T = void>(body?: TransactionBody<T>): Promise<T> {
    return this.#end('finished', { delayMs: 0n, backoffSeconds: null, cause: null }, body);
  }

  /**
   * Releases the work and keeps everyone from it for a while. `cause` is for operators and stays in the history.
   * Without a backoff: one second.
   */
  async fail(backoff: Backoff | undefined, cause: string): Promise<void> {
    const checked = backoff === undefined ? undefined : checkOptions(backoffSchema, backoff);
    const seconds = nextBackoffSeconds(checked as Backoff | undefined, this.#claimed.backoffSeconds);
    await this.#end('failed', {
      delayMs: BigInt(backoffDelayMs(checked as Backoff | undefined, seconds)),
      backoffSeconds: BigInt(seconds),
      cause: String(cause),
    });
  }

  /** Releases the work as if it had not been tried; keeps its backoff history. No-op when it has ended. */
  async cancel(): Promise<void> {
    if (this.#state === 'ended') return;
    await this.#end('canceled', { delayMs: 0n, backoffSeconds: null, cause: null });
  }

  /** Cancels unless ended. A lost or expired work needs no cancelling. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'held') return;
    try {
      await this.cancel();
    } catch (error) {
      if (!(error instanceof LeaseLostError || error instanceof SessionExpiredError)) throw error;
    }
  }

  async #end<T>(
    event: WorkResult,
    outcome: { delayMs: bigint; backoffSeconds: bigint | null; cause: string | null },
    body?: TransactionBody<T>,
  ): Promise<T> {
    this.#assertOpen(event);
    this.#state = 'ending';
    let value: T | undefined;
    try {
      const names = { [PROCESS]: this.process, [PROCESSOR]: this.#session.processor };
      const run: TransactionBody<T> = async (tx, info) => {
        this.#state = 'ending';
        // Inside of an outer transaction it is that one's outcome which counts.
        tx.onCommit(() => this.#ended(event));
        tx.onRollback(() => {
          this.#state = 'held';
        });
        value = await together(this.#release(tx, event, outcome), async () => body?.(tx, info) as T);
        return value as T;
      };
      // Idempotent: if an earlier attempt was committed and its answer lost, the release of the next one says so.
      const options = { name: `${this.process} ${event}`, idempotent: true };
      return await inSpan(`${VERBS[event]} ${this.process}`, names, () =>
        this.#translated(() => this.#session.transact(run, options)),
      );
    } catch (error) {
      if (error instanceof LeaseLostError) {
        if (await this.#endedBefore(event)) {
          this.#ended(event);
          return value as T;
        }
        this.#lost(error);
      }
      // Still held unless it is lost: the caller may fail or cancel it.
      this.#state = 'held';
      throw error;
    }
  }

  #ended(event: WorkResult): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#session.signal.removeEventListener('abort', this.#onExpire);
    this.#hooks.ended(this, event);
  }

  /** Whether this very work is in the history as ended this way by its own session. */
  async #endedBefore(event: WorkResult): Promise<boolean> {
    const { process, target, token } = this;
    const key = { process, target, token, sessionId: this.#session.id };
    try {
      const ending = await this.#session.transact((tx) => workEnding(tx, key), { readOnly: true });
      return ending?.event === event;
    } catch {
      return false;
    }
  }

  async #release(
    tx: Transaction,
    event: WorkResult,
    outcome: { delayMs: bigint; backoffSeconds: bigint | null; cause: string | null },
  ) {
    const { keys } = this.#claimed;
    await releaseWork(tx, {
      event,
      process: this.process,
      sessionId: this.#session.id,
      processes: keys.map(({ process }) => process),
      targets: keys.map(({ target }) => target),
      tokens: keys.map(({ token }) => token),
      keys: BigInt(keys.length),
      ...outcome,
    });
  }

  async #translated<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!raised(error, SENTINEL)) throw error;
      throw new LeaseLostError(
        `${this.process} of ${this.target} is no longer held with token ${this.token}: it was taken over`,
      );
    }
  }

  #lost(error: LeaseLostError): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(error);
  }

  #assertOpen(action: string): void {
    if (this.#state !== 'held')
      throw new WorkEndedError(`${action}: ${this.process} of ${this.target} has already ended`);
  }
}

/**
 * Starts the body without waiting for the proof, so that its first statement leaves in the same flight. The proof
 * raises on the server: what was sent behind it has no effect when it fails, and its failure is the one thrown.
 */
async function together<T>(proof: Promise<unknown>, body: () => Promise<T> | T): Promise<T> {
  proof.catch(() => {});
  const result = (async () => body())();
  result.catch(() => {});
  await proof;
  return result;
}
