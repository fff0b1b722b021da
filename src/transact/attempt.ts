import {
  AmbiguousCommitError,
  assertStatement,
  ConnectionLostError,
  DatabaseError,
  RolledBackError,
  TransactionClosedError,
} from '../base/index.ts';
import { type DriverConnection, type Engine, hidesOutcome, noteState } from '../database/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { TransactionObserver } from '../telemetry/observer.ts';
import { classify } from './classify.ts';
import type { Fence, Seal } from './fence.ts';
import { refuseForbidden } from './forbidden.ts';
import { Hooks, type Outcome } from './hooks.ts';

/** How the commit flight ended. */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly connectionIdle: boolean }
  | { readonly kind: 'not-committed'; readonly error: unknown; readonly connectionIdle: boolean }
  | { readonly kind: 'ambiguous'; readonly error: unknown };

export interface Proofs {
  readonly fences: number;
  readonly seals: readonly Seal[];
}

export interface AttemptSettings {
  readonly beginText: string;
  /** Instead of it when the restart savepoint has renewed the transaction. */
  readonly renewText: string | undefined;
  readonly restartSavepoint: boolean;
  readonly sealFences: boolean;
  readonly engine: Engine;
  readonly allowDdl: boolean;
  readonly readOnly: boolean;
  readonly marker: Statement | undefined;
  /** It reads at an age, at which a young session is not there yet: its fences are local only. */
  readonly stale: boolean;
}

/**
 * One attempt on one connection: opens the transaction, carries its statements, remembers the first failure,
 * ends it. Knows the protocol; the retry loop above knows what to do about failures.
 *
 * Flights: BEGIN, restart savepoint, fence and the callback's first statements leave together; seal, marker,
 * RELEASE and COMMIT leave together. A fenced transaction of one statement is two round trips.
 */
export class Attempt {
  readonly hooks = new Hooks();
  readonly #connection: DriverConnection;
  readonly #settings: AttemptSettings;
  readonly #observer: TransactionObserver;
  readonly #fences: Fence[] = [];
  /** Never changed in place, so that a savepoint can remember it. */
  #seals: readonly Seal[] = [];
  readonly #pending = new Set<Promise<unknown>>();
  #opened: Promise<void> = Promise.resolve();
  #ended = false;
  #failed = false;
  #outcome: Outcome | undefined;
  #decision: PromiseWithResolvers<void> | undefined;
  #strayed: AmbiguousCommitError | undefined;
  /** Why there is no transaction to send anything in. */
  #unopened: { readonly error: unknown } | undefined;
  #poison: { readonly error: unknown } | undefined;

  constructor(connection: DriverConnection, settings: AttemptSettings, observer: TransactionObserver) {
    this.#connection = connection;
    this.#settings = settings;
    this.#observer = observer;
  }

  /** Sends BEGIN and the fence without waiting. `begun`: the restart savepoint has renewed the transaction. */
  open(fence: Fence | undefined, begun: boolean): void {
    const flight: Promise<unknown>[] = [];
    if (!begun) flight.push(this.#begin());
    else if (this.#settings.renewText) flight.push(this.#connection.sendSimple(this.#settings.renewText));
    if (fence) {
      this.#enter(fence);
      if (!this.#settings.stale) flight.push(this.#prove(fence));
    }
    this.#opened = this.#settleFlight(flight);
    this.#opened.catch(() => {});
  }

  /** A BEGIN that the server refuses leaves what was sent behind it to run on its own. */
  async #begin(): Promise<void> {
    try {
      await this.#connection.sendSimple(this.#settings.beginText);
    } catch (error) {
      // From now on nothing is sent: it would run on its own.
      this.#unopened = { error };
      if (!(error instanceof DatabaseError) || this.#settings.readOnly) throw error;
      const behind = await Promise.allSettled([...this.#pending]);
      // A transaction that is there, and has failed, has refused them: it was a setting that could not be.
      if (behind.every((one) => one.status === 'rejected' && isInFailedTransaction(one.reason))) throw error;
      this.#strayed = new AmbiguousCommitError(
        'BEGIN was refused with statements behind it: they may have been applied outside of a transaction',
        { cause: error },
      );
      this.#unopened = { error: this.#strayed };
      throw this.#strayed;
    }
  }

  /** Adds a nested transact's proof to this transaction. */
  async addFence(fence: Fence): Promise<void> {
    if (this.#fences.includes(fence)) return;
    fence.assertAlive();
    this.#enter(fence);
    if (this.#settings.stale) return;
    await this.#track(() => this.#prove(fence));
  }

  #enter(fence: Fence): void {
    this.#fences.push(fence);
    if (this.#settings.sealFences && fence.seal)
      this.seal({ owner: fence, statement: fence.seal, translate: (error) => fence.translate(error) });
  }

  /** Sends the seal together with COMMIT, instead of an earlier one of the same owner. */
  seal(seal: Seal): void {
    this.unseal(seal.owner);
    this.#seals = [...this.#seals, seal];
  }

  unseal(owner: object): void {
    this.#seals = this.#seals.filter((seal) => seal.owner !== owner);
  }

  /**
   * Only what a fence's own statements raise is the fence's to read: a value of the user's that does not cast may
   * say the same words, and another fence's refusal says nothing of this one.
   */
  async #prove(fence: Fence): Promise<RawResult> {
    try {
      return await this.#connection.send(fence.open);
    } catch (error) {
      throw fence.translate(error) ?? error;
    }
  }

  get poison(): { readonly error: unknown } | undefined {
    return this.#poison;
  }

  /** Throws the first failure, even if the callback swallowed it. */
  throwIfPoisoned(): void {
    if (this.#poison) throw this.#poison.error;
  }

  /** Statements are in flight. */
  get busy(): boolean {
    return this.#pending.size > 0;
  }

  get closed(): boolean {
    return this.#ended;
  }

  /** Its commit is known to have been carried out. */
  get committed(): boolean {
    return this.#outcome === 'committed';
  }

  /** It is known that it will not be committed by itself any more. */
  get failed(): boolean {
    return this.#failed || (this.#outcome !== undefined && this.#outcome !== 'committed');
  }

  /** Resolves when the outcome is there, while the commit is under way. */
  get deciding(): Promise<void> | undefined {
    return this.#outcome === undefined ? this.#decision?.promise : undefined;
  }

  async execute(statement: Statement): Promise<RawResult> {
    if (this.#closed) throw this.#closed;
    this.check([statement]);
    return this.#track(() => this.#observer.statement(statement, () => this.#connection.send(statement)));
  }

  /** Several at once: checked before any is sent, one entry in telemetry. Rejects with the first failure. */
  async executeAll(statements: readonly Statement[]): Promise<RawResult[]> {
    if (this.#closed) throw this.#closed;
    this.check(statements);
    return this.#observer.batch(statements, () =>
      Promise.all(statements.map((statement) => this.#track(() => this.#connection.send(statement)))),
    );
  }

  /** Throws for what is refused before it is sent, which is remembered as any other failure of a statement. */
  check(statements: readonly Statement[]): void {
    try {
      for (const statement of statements) {
        assertStatement(statement);
        refuseForbidden(statement.text, this.#settings.allowDdl);
        noteState(this.#connection, this.#settings.engine, statement.text);
      }
      this.assertAlive();
    } catch (error) {
      this.poisonWith(error);
      throw error;
    }
  }

  has(fence: Fence): boolean {
    return this.#fences.includes(fence);
  }

  /** For savepoints, which are not the callback's statements. */
  async control(text: string): Promise<RawResult> {
    if (this.#closed) throw this.#closed;
    return this.#track(() => this.#connection.sendSimple(text));
  }

  /** What it proves now: to be given to `rollbackTo`. */
  get proofs(): Proofs {
    return { fences: this.#fences.length, seals: this.#seals };
  }

  /** Rolls back to a savepoint; what failed since then no longer counts, and it proves what it did then. */
  async rollbackTo(savepoint: string, proofs: Proofs): Promise<void> {
    await this.drain();
    // A part that outlives its transaction must not touch a connection that is somebody else's by now.
    if (this.#closed) throw this.#closed;
    await this.#connection.sendSimple(`ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`);
    this.#poison = undefined;
    this.#fences.length = proofs.fences;
    this.#seals = proofs.seals;
  }

  /** Throws when a fence is known to fail. */
  assertAlive(): void {
    for (const fence of this.#fences) fence.assertAlive();
  }

  /** From now on every use of the handle rejects with TransactionClosedError. */
  close(outcome?: 'failed'): void {
    this.#ended = true;
    this.#failed = outcome === 'failed';
  }

  /** What happened since is graver than what was remembered. */
  poisonAnew(error: unknown): void {
    this.#poison = { error };
  }

  poisonWith(error: unknown): void {
    this.#poison ??= { error };
  }

  /** Waits until nothing is in flight. */
  async drain(): Promise<void> {
    await this.#opened.catch(() => {});
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending]);
  }

  /** The opening flight's failure, if it failed. */
  async opened(): Promise<void> {
    await this.#opened;
  }

  async commit(): Promise<CommitOutcome> {
    this.#decision = Promise.withResolvers();
    if (this.#connection.dead)
      return { kind: 'not-committed', error: this.#connection.dead, connectionIdle: false };
    const { restartSavepoint, marker, readOnly } = this.#settings;
    const seals = readOnly ? [] : this.#seals;
    const before = [...seals.map(({ statement }) => statement), ...(marker && !readOnly ? [marker] : [])].map(
      (statement) => this.#connection.send(statement),
    );
    const release = restartSavepoint
      ? this.#connection.sendSimple('RELEASE SAVEPOINT cockroach_restart')
      : undefined;
    const commit = this.#connection.sendSimple('COMMIT');
    const results = await Promise.allSettled([...before, ...(release ? [release] : []), commit]);
    const connectionIdle = !this.#connection.dead;
    const notCommitted = (error: unknown): CommitOutcome => ({
      kind: 'not-committed',
      error,
      connectionIdle,
    });

    await this.drain();
    // A failure before the commit makes the server answer it with ROLLBACK, whether that is seen or not.
    const first = this.#poison?.error;
    if (first !== undefined && classify(first) === 'ambiguous') return ambiguous(first);
    if (first !== undefined && classify(first) !== 'connection') return notCommitted(first);
    for (const [i, result] of results.slice(0, before.length).entries()) {
      if (result.status === 'rejected' && result.reason instanceof DatabaseError)
        return isAmbiguous(result.reason)
          ? ambiguous(result.reason)
          : notCommitted(seals[i]?.translate(result.reason) ?? result.reason);
    }
    // RELEASE is the commit on CockroachDB; what becomes of the COMMIT behind it changes nothing.
    const deciding = results[before.length]!;
    const last = results[results.length - 1]!;
    if (deciding.status === 'fulfilled') {
      // Versions of CockroachDB differ in how they answer RELEASE.
      if (!/^(COMMIT|RELEASE)$/.test(deciding.value.command))
        return notCommitted(this.#poison?.error ?? rolledBack());
      return { kind: 'committed', connectionIdle: connectionIdle && last.status === 'fulfilled' };
    }
    const error: unknown = deciding.reason;
    if (error instanceof ConnectionLostError) return readOnly ? notCommitted(error) : ambiguous(error);
    if (error instanceof DatabaseError && hidesOutcome(error) && !readOnly) return ambiguous(error);
    return notCommitted(error);
  }

  /** Ends a failed attempt. Never throws; tells whether the connection is idle. */
  async rollback(): Promise<boolean> {
    await this.drain();
    if (this.#connection.dead) return false;
    try {
      await this.#connection.sendSimple('ROLLBACK');
      return true;
    } catch {
      return false;
    }
  }

  /** Renews the transaction in place (CockroachDB). Throws what the server said. */
  async restart(): Promise<void> {
    await this.drain();
    await this.#connection.sendSimple('ROLLBACK TO SAVEPOINT cockroach_restart');
  }

  /** Statements ran outside of a transaction, or may have: whatever else happened, that is what must be told. */
  get strayed(): AmbiguousCommitError | undefined {
    return this.#strayed;
  }

  runHooks(kind: keyof typeof OUTCOMES): Promise<void> {
    this.#outcome ??= OUTCOMES[kind];
    this.#decision?.resolve();
    return this.hooks.settle(OUTCOMES[kind]);
  }

  /** Made when it is asked for: most handles are never used late, and an error's stack costs microseconds. */
  get #closed(): TransactionClosedError | undefined {
    return this.#ended
      ? new TransactionClosedError('the transaction has ended: await every query before the callback returns')
      : undefined;
  }

  async #settleFlight(flight: Promise<unknown>[]): Promise<void> {
    for (const result of await Promise.allSettled(flight)) {
      if (result.status === 'fulfilled') continue;
      this.#unopened = { error: result.reason };
      this.poisonWith(result.reason);
      throw result.reason;
    }
  }

  async #track(send: () => Promise<RawResult>): Promise<RawResult> {
    if (this.#unopened) throw this.#unopened.error;
    const sent = send();
    this.#pending.add(sent);
    try {
      const [, result] = await Promise.all([this.#opened, sent]);
      return result;
    } catch (error) {
      // What failed first says why; what was behind it only failed with it.
      await this.#opened;
      this.poisonWith(error);
      throw error;
    } finally {
      this.#pending.delete(sent);
      sent.catch(() => {});
    }
  }
}

/** The server's refusal of whatever comes after a failure. */
export const isInFailedTransaction = (error: unknown) =>
  error instanceof DatabaseError && error.code === '25P02';

const OUTCOMES = {
  commit: 'committed',
  rollback: 'rolled-back',
  unknown: 'unknown',
} as const satisfies Record<string, Outcome>;

const ambiguous = (error: unknown): CommitOutcome => ({ kind: 'ambiguous', error });

/** The server itself does not know: CockroachDB's "result is ambiguous". */
const isAmbiguous = ({ code }: DatabaseError) => code === '40003';

const rolledBack = () =>
  new RolledBackError('the server answered COMMIT with ROLLBACK: nothing was committed');
