import { assertFunction, InvalidOptionError, LEAST_PATIENCE_MS, within } from '../base/index.ts';
import { releaseWork } from '../queries/work.ts';
import type { ClaimQuery, FinishQuery } from '../query/index.ts';
import {
  type BatchResults,
  type BoundQuery,
  type Executor,
  type RawResult,
  runBatch,
  type Statement,
} from '../query/index.ts';
import { derive, promised } from '../query/remembered.ts';
import type { LiveSession } from '../sessions/index.ts';
import { COMPONENT, inSpan, KIND, WORK_CLAIMED, WORK_WANTED } from '../telemetry/index.ts';
import type { Transaction, TransactionBody, TransactOptions } from '../transact/index.ts';
import {
  type Candidate,
  type ClaimCall,
  type Claimed,
  checkKind,
  claim,
  claimByQuery,
  type FinishCall,
  finishAndClaim,
  finishByQuery,
  type GuardedExecutor,
  sessionEnd,
  sharedFinishes,
  Work,
  type WorkResult,
} from '../work/index.ts';

/** What a session needs of the database handle that started it. */
export interface SessionHost {
  transact<T>(session: LiveSession, body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
  send(
    session: LiveSession,
    statements: readonly Statement[],
    options?: TransactOptions,
  ): Promise<readonly RawResult[]>;
  /** Where its claims and finishes run. */
  guarded(session: LiveSession): GuardedExecutor;
  /** Throws NestedOptionsError when the caller is in a transaction of this handle. */
  refuseInside(action: string): void;
  close(session: LiveSession): Promise<void>;
  workStarted(session: LiveSession, work: Work): void;
  workEnded(session: LiveSession, work: Work, result: WorkResult): void;
}

/**
 * Finds candidates for work, best first: targets, or targets with keys that exclude other work. Runs in the
 * transaction that claims, which may be retried: only read, and have no effects outside of the database, and nothing slow: the server ends a transaction that waits an interval
 * for its next statement, so that a stopped process keeps no row locks. `wanted`
 * is how many can be taken; giving some more keeps parallel workers from fighting for the first. Candidates that
 * are held or back off are passed over; leaving them out by `holdfast.unavailable_work` is cheaper.
 */
export type Retrieve = (
  tx: Transaction,
  wanted: number,
) => Promise<readonly Candidate[]> | readonly Candidate[];

/**
 * Proof that a worker is alive, kept up by heartbeats for as long as the process runs and its event loop is not
 * blocked. Once expired every call throws SessionExpiredError and `signal` is aborted, for good; start another
 * one. `await using` closes it. Made by `db.startSession`.
 */
export class Session implements Executor {
  readonly #live: LiveSession;
  readonly #host: SessionHost;
  readonly #guarded: GuardedExecutor;
  readonly #finishShared: <P>(call: FinishCall<P>) => Promise<void>;
  readonly #finishAlone = <P>(call: FinishCall<P>) => finishByQuery(this.#guarded, call);
  readonly #held = new Set<Work>();
  #claims = 0n;
  #closing: Promise<void> | undefined;

  constructor(live: LiveSession, host: SessionHost) {
    this.#live = live;
    this.#host = host;
    this.#guarded = host.guarded(live);
    this.#finishShared = sharedFinishes(this.#guarded);
  }

  /** UUID; the primary key of holdfast.session. */
  get id(): string {
    return this.#live.id;
  }

  /** Name of the component, as given to `startSession`. */
  get component(): string {
    return this.#live.component;
  }

  /** It is dead this long after its last heartbeat, in milliseconds. */
  get intervalMs(): number {
    return this.#live.intervalMs;
  }

  /** Aborts, with a SessionExpiredError as its reason, when the session expires or is closed. */
  get signal(): AbortSignal {
    return this.#live.signal;
  }

  /** True once it is past its local deadline, was closed, or was found gone. Looks at the clock, not the server. */
  get expired(): boolean {
    return this.#live.expired;
  }

  /** Work that this session has claimed and that has not ended, as far as this process knows. */
  get held(): readonly Work[] {
    return [...this.#held];
  }

  /**
   * Runs `body` in a transaction that commits only while this session is alive. Retried as needed: `body` must
   * have no effects outside of the database. Gives what the committed attempt returned.
   *
   * Throws SessionExpiredError, RetriesExhaustedError or DeadlineExceededError (nothing was committed),
   * AmbiguousCommitError (not known), or the very object that `body` threw (rolled back).
   */
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    return promised(() => {
      this.#live.assertAlive();
      return this.#host.transact(this.#live, body, options);
    });
  }

  /**
   * One statement in a transaction of its own that commits only while this session is alive, in one round trip:
   * `await renameMachine(session, { ... })`. Retried like `transact`; throws the same.
   */
  execute(statement: Statement, options?: TransactOptions): Promise<RawResult> {
    return derive(this.#send([statement], options), ([answer]) => answer!);
  }

  /** The same for several, `renameMachine.with({ ... })`: all or nothing, in one round trip. Results in order. */
  batch<const Q extends readonly BoundQuery<unknown>[]>(
    queries: Q,
    options?: TransactOptions,
  ): Promise<BatchResults<Q>> {
    return runBatch(queries, (statements) => this.#send(statements, options));
  }

  #send(statements: readonly Statement[], options?: TransactOptions): Promise<readonly RawResult[]> {
    return promised(() => {
      this.#live.assertAlive();
      return this.#host.send(this.#live, statements, options);
    });
  }

  /**
   * Retrieves candidates for `process` and takes the first one that is free: never held, given up, or held by a
   * session that is gone or past its deadline, which is evicted. undefined when there is nothing to do (no
   * candidate, or all backing off). `await using` the result: it cancels what was not ended.
   *
   * Throws WorkConflictError when nothing is free and live sessions hold candidates or their keys, or another
   * claimer was faster; InvalidOptionError for a process or candidate that cannot be; else as `transact`.
   */
  async work(kind: string, retrieve: Retrieve): Promise<Work | undefined> {
    const [work] = await this.workMany(kind, 1, retrieve);
    return work;
  }

  /**
   * The same for up to `wanted` (1 to 10,000) at once, in the candidates' order, in one transaction of two round
   * trips besides the retrieval's. Gives those that were free, so maybe fewer; empty when there is nothing to do.
   * It is a transaction of its own: inside of a transact callback of the same database handle, whatever its options, it
   * is refused with NestedOptionsError. An
   * ambiguous commit settles itself by a commit marker.
   */
  async workMany(kind: string, wanted: number, retrieve: Retrieve): Promise<Work[]> {
    this.#host.refuseInside('a claim');
    checkKind(kind);
    checkWanted(wanted);
    assertFunction('retrieve', retrieve);
    const names = { [KIND]: kind, [COMPONENT]: this.component, [WORK_WANTED]: wanted };
    const claimed = await inSpan(`claim ${kind}`, names, async (span) => {
      const got = await this.transact(
        async (tx) => {
          const candidates = await retrieve(tx, wanted);
          return claim(tx, { kind, sessionId: this.id, candidates, wanted });
        },
        // An ambiguous commit must not leave a target held by this session with no handle to end it.
        { name: `${kind} claim`, commitMarker: true },
      );
      span.set({ [WORK_CLAIMED]: got.length });
      return got;
    });
    return claimed.map((one) => this.#hold(kind, one));
  }

  /**
   * Runs a query declared `:claim`: finds and takes up to `wanted` (1 by default) in one statement and one round
   * trip. Empty when there is nothing to do, or when others were faster three times in a row. One whose answer is lost
   * is settled: what it took is given all the same. Throws SessionExpiredError when the session ends first, and DatabaseError
   * when the server refused or canceled it and it took nothing.
   */
  async claim<P>(query: ClaimQuery<P>, params: P & { readonly wanted?: number }): Promise<Work[]> {
    this.#host.refuseInside('a claim');
    const wanted = checkWanted(params.wanted ?? 1);
    this.#live.assertAlive();
    const { kind } = query;
    const names = { [KIND]: kind, [COMPONENT]: this.component, [WORK_WANTED]: wanted };
    const call = this.#call(query, params, wanted);
    return inSpan(`claim ${kind}`, names, async (span) => {
      const claimed = await this.#proved(claimByQuery(this.#guarded, call));
      span.set({ [WORK_CLAIMED]: claimed.length });
      return claimed.map((one) => this.#hold(kind, one));
    });
  }

  /**
   * Finishes works of one process by a query declared `:finish`: its change, the release and the history in one
   * statement and one round trip, all or nothing. LeaseLostError when one of them was taken over; its `signal`
   * is aborted, the others are still held. A lost answer is settled by the history; AmbiguousCommitError only when
   * the session ends before the database could be asked.
   *
   * With `share`, calls that differ in nothing but their works wait while another one is under way, and leave together
   * in the next statement; each fails alone. The change must then do for each target what it does for one.
   */
  async finish<P>(
    query: FinishQuery<P>,
    works: readonly Work[],
    params: P,
    { share = false }: { readonly share?: boolean } = {},
  ): Promise<void> {
    this.#host.refuseInside('a finish by query');
    this.#live.assertAlive();
    if (works.length === 0) return;
    this.#checkKind(query, works);
    const names = { [KIND]: query.kind, [COMPONENT]: this.component };
    await inSpan(`finish ${query.kind}`, names, () =>
      Work.finishTogether(this, this.#guarded, works, ({ keys }) =>
        this.#proved((share ? this.#finishShared : this.#finishAlone)({ query, params, keys })),
      ),
    );
  }

  /**
   * `finish` of what is done and `claim` of what is next, in one commit and one round trip: both or neither. Claims
   * once more, by itself, when that found nothing, for the finish may have made something claimable. Throws as `finish`.
   */
  async finishAndClaim<F, C>(
    finish: { readonly query: FinishQuery<F>; readonly works: readonly Work[]; readonly params: F },
    next: { readonly query: ClaimQuery<C>; readonly params: C & { readonly wanted?: number } },
  ): Promise<Work[]> {
    this.#host.refuseInside('finishAndClaim');
    const { query, params } = next;
    if (finish.works.length === 0) return this.claim(query, params);
    const wanted = checkWanted(params.wanted ?? 1);
    this.#live.assertAlive();
    this.#checkKind(finish.query, finish.works);
    const names = { [KIND]: query.kind, [COMPONENT]: this.component, [WORK_WANTED]: wanted };
    const claimed = await inSpan(`finish and claim ${query.kind}`, names, async (span) => {
      const got = await Work.finishTogether(this, this.#guarded, finish.works, ({ keys }) => {
        const done = { query: finish.query, params: finish.params, keys };
        const call = this.#call(query, params, wanted);
        return this.#proved(finishAndClaim(this.#guarded, done, call));
      });
      span.set({ [WORK_CLAIMED]: got?.length ?? 0 });
      return (got ?? []).map((one) => this.#hold(query.kind, one));
    });
    return claimed.length > 0 ? claimed : this.claim(query, params);
  }

  /**
   * Finishes works of one process in one transaction: one statement for all of them, and what `body` does, all
   * or nothing. LeaseLostError as for `finish`.
   */
  async finishMany<T = void>(works: readonly Work[], body?: TransactionBody<T>): Promise<T> {
    const [first] = works;
    if (!first) return this.transact(async (tx, info) => (await body?.(tx, info)) as T);
    const names = { [KIND]: first.kind, [COMPONENT]: this.component };
    let value: T | undefined;
    await inSpan(`finish ${first.kind}`, names, () =>
      Work.finishTogether(this, this.#guarded, works, ({ kind, keys }, follow) =>
        this.transact(
          async (tx, info) => {
            follow(tx);
            const released = releaseWork(tx, {
              event: 'finished',
              kind,
              sessionId: this.id,
              kinds: keys.keyKinds,
              targets: keys.keyTargets,
              tokens: keys.keyTokens,
              keys: BigInt(keys.keyTokens.length),
              delayMs: 0n,
              backoffSeconds: null,
              cause: null,
            });
            released.catch(() => {});
            // Without awaiting: the body's first statement leaves in the same flight.
            const result = (async () => body?.(tx, info))();
            result.catch(() => {});
            await released;
            value = (await result) as T;
          },
          { name: `${kind} finished`, idempotent: true },
        ),
      ),
    );
    return value as T;
  }

  #call<P>(query: ClaimQuery<P>, params: P, wanted: number): ClaimCall<P> {
    return { query, params, sessionId: this.id, wanted, nextNumber: this.#nextNumber };
  }

  readonly #nextNumber = () => ++this.#claims;

  #hold(kind: string, claimed: Claimed): Work {
    const work = new Work(this, kind, claimed, this.#hooks);
    this.#held.add(work);
    this.#host.workStarted(this.#live, work);
    return work;
  }

  readonly #hooks = {
    ended: (ended: Work, result: WorkResult) => {
      this.#held.delete(ended);
      this.#host.workEnded(this.#live, ended, result);
    },
  };

  #checkKind({ kind }: { readonly kind: string }, works: readonly Work[]): void {
    const other = works.find((work) => work.kind !== kind);
    if (other) throw new InvalidOptionError('works', `${other.kind} of ${other.target} is not for ${kind}`);
  }

  /** A refusal by the session's own proof expires it, as in a transaction. */
  async #proved<T>(running: Promise<T>): Promise<T> {
    try {
      return await running;
    } catch (error) {
      throw (await sessionEnd(this.#guarded, this.#live, error)) ?? error;
    }
  }

  /**
   * Cancels what is held and deletes the session, so that others can go on at once. Does not wait for
   * transactions under way: they fail with SessionExpiredError. Throws what the database said if the rows cannot
   * be deleted; the session then ends by its deadline, for nothing beats for it any more. Each of the two is given up
   * after an interval, or five seconds where that is longer.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (!this.expired) {
      const canceling = [...this.#held].map((work) => work[Symbol.asyncDispose]());
      // Work that cannot be canceled is free all the same once the session's row is gone.
      await within(Math.max(this.intervalMs, LEAST_PATIENCE_MS), Promise.allSettled(canceling));
    }
    await this.#host.close(this.#live);
    this.#live.expire('it was closed');
  }
}

function checkWanted(wanted: number): number {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 10_000)
    throw new InvalidOptionError('wanted', `${wanted} is not a whole number from 1 to 10000`);
  return wanted;
}
