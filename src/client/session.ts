import { InvalidOptionError } from '../errors/index.ts';
import type { LiveSession } from '../sessions/index.ts';
import { inSpan, PROCESS, PROCESSOR, WORK_CLAIMED, WORK_WANTED } from '../telemetry/index.ts';
import type { Transaction, TransactionBody, TransactOptions } from '../transact/index.ts';
import { type Candidate, checkProcess, claim, Work, type WorkResult } from '../work/index.ts';

/** What a session needs of the database handle that started it. */
export interface SessionHost {
  transact<T>(session: LiveSession, body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
  close(session: LiveSession): Promise<void>;
  workStarted(session: LiveSession, work: Work): void;
  workEnded(session: LiveSession, work: Work, result: WorkResult): void;
}

/**
 * Finds candidates for work, best first. Runs in a transaction that may be retried: read only. `wanted` is how
 * many can be taken; giving some more keeps parallel workers from fighting for the first.
 */
export type Retrieve = (
  tx: Transaction,
  wanted: number,
) => Promise<readonly Candidate[]> | readonly Candidate[];

/**
 * Proof that a worker is alive, kept up by heartbeats for as long as the process runs. Once expired every call
 * throws SessionExpiredError and `signal` is aborted; start another one. `await using` closes it.
 */
export class Session {
  readonly #live: LiveSession;
  readonly #host: SessionHost;
  readonly #held = new Set<Work>();
  #closing: Promise<void> | undefined;

  constructor(live: LiveSession, host: SessionHost) {
    this.#live = live;
    this.#host = host;
  }

  /** UUID; the primary key of holdfast.session. */
  get id(): string {
    return this.#live.id;
  }

  get component(): string {
    return this.#live.component;
  }

  /** Whose work this is, in spans and metrics. */
  get processor(): string {
    return this.#live.processor;
  }

  get intervalMs(): number {
    return this.#live.intervalMs;
  }

  /** Aborts, with a SessionExpiredError as its reason, when the session expires or is closed. */
  get signal(): AbortSignal {
    return this.#live.signal;
  }

  get expired(): boolean {
    return this.#live.expired;
  }

  /** Work that this session holds now. */
  get held(): readonly Work[] {
    return [...this.#held];
  }

  /**
   * Runs `body` in a transaction that commits only while this session is alive. Retried as needed: `body` must
   * have no effects outside of the database. Throws SessionExpiredError, RetriesExhaustedError,
   * AmbiguousCommitError, or what `body` threw.
   */
  async transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    this.#live.assertAlive();
    return this.#host.transact(this.#live, body, options);
  }

  /**
   * Retrieves candidates and takes the first one that is free. undefined when there is nothing to do (no
   * candidate, or all backing off); WorkConflictError when live sessions hold the candidates.
   */
  async work(process: string, retrieve: Retrieve): Promise<Work | undefined> {
    const [work] = await this.workMany(process, 1, retrieve);
    return work;
  }

  /**
   * The same for up to `wanted` at once, in one transaction of two round trips. It is a transaction of its own:
   * inside of a transact callback it is refused with NestedOptionsError.
   */
  async workMany(process: string, wanted: number, retrieve: Retrieve): Promise<Work[]> {
    checkProcess(process);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 10_000)
      throw new InvalidOptionError('wanted', `${wanted} is not a whole number from 1 to 10000`);
    const names = { [PROCESS]: process, [PROCESSOR]: this.processor, [WORK_WANTED]: wanted };
    const claimed = await inSpan(`claim ${process}`, names, async (span) => {
      const got = await this.transact(
        async (tx) => {
          const candidates = await retrieve(tx, wanted);
          return claim(tx, { process, sessionId: this.id, candidates, wanted });
        },
        // An ambiguous commit must not leave a target held by this session with no handle to end it.
        { name: `${process} claim`, commitMarker: true },
      );
      span.set({ [WORK_CLAIMED]: got.length });
      return got;
    });
    return claimed.map((one) => {
      const work = new Work(this, process, one, {
        ended: (ended, result) => {
          this.#held.delete(ended);
          this.#host.workEnded(this.#live, ended, result);
        },
      });
      this.#held.add(work);
      this.#host.workStarted(this.#live, work);
      return work;
    });
  }

  /** Cancels what is held and deletes the session, so that its work can be taken over at once. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (!this.expired) {
      await Promise.allSettled([...this.#held].map((work) => work[Symbol.asyncDispose]()));
    }
    await this.#host.close(this.#live);
    this.#live.expire('it was closed');
  }
}
