import {
  AmbiguousCommitError,
  assertStatement,
  ConnectionLostError,
  DatabaseError,
  MisuseError,
  RolledBackError,
} from '../base/index.ts';
import {
  type DriverConnection,
  type Engine,
  hidesOutcome,
  isRefusedByStandby,
  noteState,
  refuseForbidden,
} from '../database/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { TransactionObserver } from '../telemetry/observer.ts';
import { classify } from './ending.ts';
import type { Fence, Seal } from './fence.ts';
import { Hooks, type Outcome } from './hooks.ts';
import { type Patience, type Silence, Watch } from './watch.ts';

/**
 * One attempt of a transaction, on one connection. It has one phase:
 *
 *                 BEGIN and the fence                  seals, marker,
 *      open()      are answered            commit()    COMMIT are answered   settle()
 *     ────────▶ opening ─────────▶ open ────────▶ committing ─────────────────────▶ settled
 *                  │                 │                                                ▲
 *                  └─────────────────┴──── giveUp(): something failed ────────────────┘
 *
 * Statements are taken while it is opening or open. What leaves without an await in between shares a message: BEGIN,
 * restart savepoint, fence and the callback's first statements; then seals, marker, RELEASE and COMMIT. A fenced
 * transaction of one statement is two round trips. The loop above (run.ts) decides what follows from a failure.
 */
type Phase = 'opening' | 'open' | 'committing' | 'settled';

/** What the server's answers to the COMMIT, and to what was sent with it, say. */
export type CommitAnswer =
  | { readonly outcome: 'committed' }
  | { readonly outcome: 'rolled-back' | 'unknown'; readonly error: unknown };

export interface AttemptSettings {
  readonly engine: Engine;
  readonly beginText: string;
  /** Instead of it when the restart savepoint has renewed the transaction. */
  readonly renewText: string | undefined;
  readonly restartSavepoint: boolean;
  readonly sealFences: boolean;
  readonly allowDdl: boolean;
  readonly readOnly: boolean;
  readonly marker: Statement | undefined;
  /** It reads at an age, at which a young session is not there yet: its fences are local only. */
  readonly stale: boolean;
  /** How long an answer may take before the connection is cut; undefined: for ever. */
  readonly patience: Patience | undefined;
}

/** What a savepoint remembers of an attempt. */
export interface Proofs {
  readonly fences: number;
  readonly seals: readonly Seal[];
}

export class Attempt {
  readonly hooks = new Hooks();
  readonly #connection: DriverConnection;
  readonly #settings: AttemptSettings;
  readonly #observer: TransactionObserver;
  readonly #watch: Watch;
  readonly #fences: Fence[] = [];
  /** Statements that are unanswered, or whose failure has not been noted yet. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Never changed in place, so that a savepoint can remember it. */
  #seals: readonly Seal[] = [];
  #phase: Phase = 'opening';
  #outcome: Outcome | undefined;
  /** Resolves when the outcome is known, once the commit is under way. */
  #settled: PromiseWithResolvers<void> | undefined;
  #opening: Promise<void> = Promise.resolve();
  /** Why there is no transaction to send anything in. */
  #unopened: { readonly error: unknown } | undefined;
  /** What failed first: it cannot commit any more, even if the callback swallows the error. */
  #failure: { readonly error: unknown } | undefined;
  #idle = false;

  constructor(connection: DriverConnection, settings: AttemptSettings, observer: TransactionObserver) {
    this.#connection = connection;
    this.#settings = settings;
    this.#observer = observer;
    this.#watch = new Watch(connection, settings.patience);
  }

  get system(): Engine['system'] {
    return this.#settings.engine.system;
  }

  /** It takes no more statements. */
  get closed(): boolean {
    return this.#phase === 'committing' || this.#phase === 'settled';
  }

  /** Its commit is known to have been carried out. */
  get committed(): boolean {
    return this.#outcome === 'committed';
  }

  /** It is known that it will not be committed by itself any more. */
  get failed(): boolean {
    return this.#outcome === 'rolled-back' || this.#outcome === 'unknown';
  }

  /** Resolves when the outcome is known, while the commit is under way. */
  get deciding(): Promise<void> | undefined {
    return this.#phase === 'committing' ? this.#settled?.promise : undefined;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** The connection has no transaction and nothing unanswered: others may use it. */
  get idle(): boolean {
    return this.#idle && !this.#connection.closed;
  }

  /** The connection was cut because this was left unanswered for too long. */
  get silence(): Silence | undefined {
    return this.#watch.silence;
  }

  /** Statements ran outside of a transaction, or may have: whatever else happened, the caller must know that. */
  get ranOutside(): AmbiguousCommitError | undefined {
    const error = this.#unopened?.error;
    return error instanceof AmbiguousCommitError ? error : undefined;
  }

  /** Sends BEGIN and the fence without waiting. `renewed`: the restart savepoint has renewed the transaction. */
  open(fence: Fence | undefined, renewed: boolean): void {
    const sent: Promise<unknown>[] = [];
    if (!renewed) sent.push(this.#begin());
    else if (this.#settings.renewText) sent.push(this.#own(this.#settings.renewText));
    if (fence) {
      this.#enter(fence);
      if (!this.#settings.stale) sent.push(this.#prove(fence));
    }
    this.#opening = this.#awaitOpening(sent);
    this.#opening.catch(() => {});
  }

  async #awaitOpening(sent: readonly Promise<unknown>[]): Promise<void> {
    for (const result of await Promise.allSettled(sent)) {
      if (result.status === 'fulfilled') continue;
      this.#unopened = { error: result.reason };
      this.failWith(result.reason);
      throw result.reason;
    }
    if (this.#phase === 'opening') this.#phase = 'open';
  }

  async #begin(): Promise<void> {
    try {
      await this.#own(this.#settings.beginText);
    } catch (error) {
      // From now on nothing is sent: it would run on its own.
      this.#unopened = { error };
      if (!(error instanceof DatabaseError) || this.#settings.readOnly) throw error;
      // Where BEGIN is refused so, nothing can write.
      if (isRefusedByStandby(error)) throw error;
      const behind = await Promise.allSettled([...this.#pending]);
      // If every statement behind it failed with 25P02, BEGIN itself succeeded and a SET LOCAL after it failed.
      if (behind.every((one) => one.status === 'rejected' && isInFailedTransaction(one.reason))) throw error;
      const outside = new AmbiguousCommitError(
        'BEGIN was refused with statements behind it: they may have been applied outside of a transaction',
        { cause: error },
      );
      this.#unopened = { error: outside };
      throw outside;
    }
  }

  /** Resolves when BEGIN and the fence are answered; rejects with what kept the transaction from being opened. */
  opened(): Promise<void> {
    return this.#opening;
  }

  /** Adds a nested transaction's proof to this one. */
  async addFence(fence: Fence): Promise<void> {
    if (this.has(fence)) return;
    fence.assertAlive();
    this.#enter(fence);
    if (this.#settings.stale) return;
    await this.#track(() => this.#prove(fence));
  }

  has(fence: Fence): boolean {
    return this.#fences.includes(fence);
  }

  #enter(fence: Fence): void {
    this.#fences.push(fence);
    if (this.#settings.sealFences && fence.seal)
      this.seal({ owner: fence, statement: fence.seal, translate: (error) => fence.translate(error) });
  }

  /**
   * A fence translates only what its own statements raised: a value of the user's that does not cast may carry the
   * same text, and the refusal of another fence says nothing about this one.
   */
  async #prove(fence: Fence): Promise<RawResult> {
    try {
      return await this.#watch.over('own', this.#connection.send(fence.open));
    } catch (error) {
      throw fence.translate(error) ?? error;
    }
  }

  /** Throws when a fence is known to fail. */
  assertAlive(): void {
    for (const fence of this.#fences) fence.assertAlive();
  }

  /** Sends the seal together with COMMIT, instead of an earlier one of the same owner. */
  seal(seal: Seal): void {
    this.unseal(seal.owner);
    this.#seals = [...this.#seals, seal];
  }

  unseal(owner: object): void {
    this.#seals = this.#seals.filter((seal) => seal.owner !== owner);
  }

  async execute(statement: Statement): Promise<RawResult> {
    this.#assertOpen();
    this.check([statement]);
    return this.#track(() =>
      this.#observer.statement(statement, () =>
        this.#watch.over('statement', this.#connection.send(statement)),
      ),
    );
  }

  /** Several at once: checked before any is sent, one entry in telemetry. Rejects with the first failure. */
  async executeAll(statements: readonly Statement[]): Promise<RawResult[]> {
    this.#assertOpen();
    this.check(statements);
    return this.#observer.batch(statements, () =>
      Promise.all(
        statements.map((statement) =>
          this.#track(() => this.#watch.over('statement', this.#connection.send(statement))),
        ),
      ),
    );
  }

  /** Throws for a statement that is refused before it is sent, which fails the transaction as any other failure. */
  check(statements: readonly Statement[]): void {
    try {
      for (const statement of statements) {
        assertStatement(statement);
        refuseForbidden(statement.text, this.#settings.allowDdl);
        noteState(this.#connection, this.#settings.engine, statement.text);
      }
      this.assertAlive();
    } catch (error) {
      this.failWith(error);
      throw error;
    }
  }

  /** For savepoints, which are not the callback's statements. */
  async control(text: string): Promise<RawResult> {
    this.#assertOpen();
    return this.#track(() => this.#own(text));
  }

  /** What it proves now: to be given to `rollbackTo`. */
  get proofs(): Proofs {
    return { fences: this.#fences.length, seals: this.#seals };
  }

  /** Rolls back to a savepoint: what failed since then no longer counts, and it proves what it proved then. */
  async rollbackTo(savepoint: string, proofs: Proofs): Promise<void> {
    await this.drain();
    // A nested call that outlives its transaction must not touch a connection that others use by now.
    this.#assertOpen();
    await this.#own(`ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`);
    this.#failure = undefined;
    this.#fences.length = proofs.fences;
    this.#seals = proofs.seals;
  }

  /** It cannot commit any more; the first error is the one that counts. */
  failWith(error: unknown): void {
    this.#failure ??= { error };
  }

  /** The same for an error that is graver than what failed before. */
  failWithThis(error: unknown): void {
    this.#failure = { error };
  }

  /** Throws the first failure, even if the callback swallowed it. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Statements are unanswered. */
  get busy(): boolean {
    return this.#pending.size > 0;
  }

  /** Waits until nothing is unanswered. */
  async drain(): Promise<void> {
    await this.#opening.catch(() => {});
    while (this.busy) await Promise.allSettled([...this.#pending]);
  }

  async #track(send: () => Promise<RawResult>): Promise<RawResult> {
    if (this.#unopened) throw this.#unopened.error;
    const sent = send();
    this.#pending.add(sent);
    try {
      const [, result] = await Promise.all([this.#opening, sent]);
      return result;
    } catch (error) {
      // What failed first tells why; the statements behind it only failed with it.
      await this.#opening;
      this.failWith(error);
      throw error;
    } finally {
      this.#pending.delete(sent);
      sent.catch(() => {});
    }
  }

  #own(text: string): Promise<RawResult> {
    return this.#watch.over('own', this.#connection.sendSimple(text));
  }

  /** Made only for a late call: an error's stack costs microseconds. */
  #assertOpen(): void {
    if (this.closed)
      throw new MisuseError(
        'HOLDFAST_TRANSACTION_CLOSED',
        'the transaction has ended: await every query before the callback returns',
      );
  }

  /** It takes no more statements, since something has failed. */
  giveUp(): void {
    this.#phase = 'settled';
    this.#outcome = 'rolled-back';
  }

  /** Sends the seals, the marker and COMMIT. Gives what the answers say; never throws. */
  async commit(): Promise<CommitAnswer> {
    this.#phase = 'committing';
    this.#settled = Promise.withResolvers();
    if (this.#connection.closed) return { outcome: 'rolled-back', error: this.#connection.closed };
    const { restartSavepoint, marker, readOnly } = this.#settings;
    const seals = readOnly ? [] : this.#seals;
    const sent = seals.map(({ statement }) => this.#watch.over('own', this.#connection.send(statement)));
    if (marker && !readOnly) sent.push(this.#watch.over('own', this.#connection.send(marker)));
    const before = sent.length;
    if (restartSavepoint) sent.push(this.#own('RELEASE SAVEPOINT cockroach_restart'));
    sent.push(this.#own('COMMIT'));
    const answers = await Promise.allSettled(sent);
    this.#idle = true;
    await this.drain();

    // A failure before the COMMIT makes the server answer it with ROLLBACK, whether that is seen or not.
    const first = this.#failure?.error;
    if (first !== undefined && classify(first) === 'ambiguous') return { outcome: 'unknown', error: first };
    if (first !== undefined && classify(first) !== 'connection')
      return { outcome: 'rolled-back', error: first };
    for (const [i, result] of answers.slice(0, before).entries()) {
      if (result.status === 'fulfilled' || !(result.reason instanceof DatabaseError)) continue;
      // CockroachDB's "result is ambiguous".
      if (result.reason.code === '40003') return { outcome: 'unknown', error: result.reason };
      return { outcome: 'rolled-back', error: seals[i]?.translate(result.reason) ?? result.reason };
    }
    // RELEASE is the commit on CockroachDB; what becomes of the COMMIT behind it changes nothing.
    const deciding = answers[before]!;
    if (deciding.status === 'fulfilled') {
      // Versions of CockroachDB differ in how they answer RELEASE.
      if (!/^(COMMIT|RELEASE)$/.test(deciding.value.command))
        return { outcome: 'rolled-back', error: first ?? rolledBack() };
      this.#idle = answers.at(-1)!.status === 'fulfilled';
      return { outcome: 'committed' };
    }
    const error: unknown = deciding.reason;
    const hidden =
      error instanceof ConnectionLostError || (error instanceof DatabaseError && hidesOutcome(error));
    return { outcome: hidden && !readOnly ? 'unknown' : 'rolled-back', error };
  }

  /** Ends a failed attempt. Never throws. */
  async rollback(): Promise<void> {
    await this.drain();
    if (this.#connection.closed) return;
    try {
      await this.#own('ROLLBACK');
      this.#idle = true;
    } catch {
      // The connection is not known to be idle, so it is closed.
    }
  }

  /** Renews the transaction in place (CockroachDB). Throws what the server said. */
  async renew(): Promise<void> {
    await this.drain();
    await this.#own('ROLLBACK TO SAVEPOINT cockroach_restart');
  }

  /**
   * Cancels what runs on the server and waits for it to end; the connection is not used again. Not before BEGIN was
   * answered: a cancel that strikes it would leave the statements behind it to run on their own.
   */
  async cancel(): Promise<void> {
    const connection = this.#connection;
    const lost = new Promise<void>((resolve) => connection.onClose(() => resolve()));
    await Promise.race([this.#opening.catch(() => {}), lost]);
    await Promise.race([connection.cancel(), lost]);
    await this.rollback();
    this.#idle = false;
  }

  /** Its outcome is known: tells those who wait for it, and runs the hooks. Never throws. */
  settle(outcome: Outcome): Promise<void> {
    this.#phase = 'settled';
    this.#outcome = outcome;
    this.#settled?.resolve();
    return this.hooks.settle(outcome);
  }
}

/** The server's refusal of every statement after a failure. */
export const isInFailedTransaction = (error: unknown) =>
  error instanceof DatabaseError && error.code === '25P02';

const rolledBack = () =>
  new RolledBackError('the server answered COMMIT with ROLLBACK: nothing was committed');
