import {
  AmbiguousCommitError,
  ConnectionLostError,
  DatabaseClosedError,
  DeadlineExceededError,
  jsonOf,
  LeaseLostError,
  PoolTimeoutError,
  RetriesExhaustedError,
  SessionExpiredError,
  valueNamed,
} from '../base/index.ts';
import { lockTarget, markCommands, pendingCommands } from '../queries/commands.ts';
import { COMMAND, inSpan, KIND, linksTo } from '../telemetry/index.ts';
import { seal, type Transaction } from '../transact/index.ts';
import {
  backoffDelayMs,
  DEFAULT_BACKOFF,
  describeFailure,
  nextBackoffSeconds,
  type Work,
} from '../work/index.ts';
import { answerOf, type CommandDeclaration, readArgs } from './definition.ts';

/** How a command has ended: `failed` is one whose attempts are used up. */
export type EndedState = 'consumed' | 'rejected' | 'superseded' | 'failed' | 'canceled';

/** Commands that one transaction carries out at most. */
export const BATCH = 50;
/** A handler that yields is tried again after this. */
const YIELD_MS = 15_000;
const LOCK_YIELD_MS = 5_000;
/** A command that waits for another state is looked at after this, should nobody wake its target before. */
const WAIT_MS = 60_000;
const DEFAULT_ATTEMPTS = 5;

/** What a handler is told, and how it ends without a result. */
export interface CommandContext<Args = unknown, State extends string = string> {
  readonly target: string;
  readonly args: Args;
  /** State of the target, read in this transaction after the command before. */
  readonly state: State;
  readonly author: string;
  readonly sequence: bigint;
  readonly sentAt: Date;
  /** 1 for the first. */
  readonly attempt: number;
  /** Undoes what the handler has written; it is called again after `ms`, 15,000 by default. That counts as no failure. */
  yield(reason: string, ms?: number): never;
  /** The same for something that somebody else has locked: 5,000 by default. */
  yieldForLock(reason: string, ms?: number): never;
  /** Undoes what the handler has written, and rejects the command. */
  reject(reason: string): never;
}

/** Changes rows in the transaction, and no more: it runs again when that is retried. What it returns is the command's result. */
export type CommandHandler<Args = unknown, State extends string = string> = (
  tx: Transaction,
  command: CommandContext<Args, State>,
) => Promise<unknown> | unknown;

/** What a batch needs of its queue. */
export interface BatchHost {
  readonly kind: string;
  readonly isolation: 'serializable' | 'read committed';
  readonly commands: Readonly<Record<string, CommandDeclaration>>;
  readonly state: (tx: Transaction, target: string) => Promise<string | undefined>;
  readonly handlers: Readonly<Record<string, CommandHandler<never, never>>>;
  /** Topic on which those are told who wait for a command of the target. */
  answers(target: string): string;
}

/** What became of one command; still pending when it waits. */
export interface CommandOutcome {
  readonly sequence: bigint;
  readonly command: string;
  readonly state: EndedState | 'pending';
  readonly reason: string | undefined;
}

type Pending = Awaited<ReturnType<typeof pendingCommands>>[number];

interface Mark {
  readonly state: EndedState | 'pending';
  readonly reason?: string;
  readonly result?: string;
  readonly failed?: boolean;
  /** Not tried again before so many milliseconds. */
  readonly delayMs?: number;
}

/** A handler that yields or rejects throws it. */
class Stop extends Error {
  readonly mark: Mark;
  constructor(mark: Mark) {
    super(mark.reason);
    this.mark = mark;
  }
}

/** What says nothing about a command: the transaction could not be carried out. */
const NOT_THE_HANDLER = [
  SessionExpiredError,
  LeaseLostError,
  AmbiguousCommitError,
  RetriesExhaustedError,
  DeadlineExceededError,
  ConnectionLostError,
  PoolTimeoutError,
  DatabaseClosedError,
] as const;

/**
 * Carries out what is pending of one target, in one transaction with the end of the work. A handler that does not succeed
 * rolls all of it back: then it runs again up to that command, whose end is by then known, and ends there.
 */
export class Batch {
  readonly #host: BatchHost;
  readonly #work: Work;
  /** Commands whose handlers did not succeed, by number. */
  readonly #known = new Map<bigint, Mark>();
  #running: { readonly row: Pending; readonly error: unknown } | undefined;
  #marks = new Map<Pending, Mark>();

  constructor(host: BatchHost, work: Work) {
    this.#host = host;
    this.#work = work;
  }

  async run(): Promise<CommandOutcome[]> {
    const { session } = this.#work;
    for (;;) {
      try {
        const marks = await session.finishLast(
          [this.#work],
          (tx) => this.#carryOut(tx),
          this.#host.isolation,
        );
        return marks.map(([{ sequence, command }, { state, reason }]) => ({
          sequence,
          command,
          state,
          reason,
        }));
      } catch (error) {
        const failed = this.#running;
        if (!failed || NOT_THE_HANDLER.some((kind) => error instanceof kind)) throw error;
        this.#known.set(failed.row.sequence, this.#markOf(failed.row, failed.error));
      }
    }
  }

  /** One message to begin with, and one at the end: what is known beforehand leaves without waiting for answers. */
  async #carryOut(tx: Transaction): Promise<readonly [Pending, Mark][]> {
    const { kind, answers } = this.#host;
    const { target } = this.#work;
    this.#marks = new Map();
    this.#running = undefined;
    const named = { queue: kind, target };
    const [, rows, state] = await Promise.all([
      lockTarget(tx, named),
      pendingCommands(tx, { ...named, most: BigInt(BATCH + 1) }),
      this.#host.state(tx, target),
    ]);
    const dueMs = await this.#walk(tx, rows, state);
    const marks = [...this.#marks];
    if (marks.some(([{ awaited }, { state }]) => awaited && state !== 'pending'))
      tx.announce(answers(target));
    const statement = markCommands.statement({
      ...named,
      sequences: marks.map(([{ sequence }]) => sequence),
      states: marks.map(([, { state }]) => state),
      reasons: marks.map(([, { reason }]) => reason ?? ''),
      results: marks.map(([, { result }]) => result ?? ''),
      failures: marks.map(([, { failed }]) => (failed ? 1n : 0n)),
      delaysMs: marks.map(([, { delayMs }]) => BigInt(Math.ceil(delayMs ?? 0))),
      dueMs: dueMs === undefined ? null : BigInt(Math.ceil(dueMs)),
    });
    seal(tx, { owner: this, statement, translate: () => undefined });
    return marks;
  }

  /** Decides on each command in its turn. Gives in how many milliseconds to look again; undefined: nothing is pending. */
  async #walk(
    tx: Transaction,
    rows: readonly Pending[],
    stateAtFirst: string | undefined,
  ): Promise<number | undefined> {
    const front = new Set(rows.slice(0, BATCH));
    let state = stateAtFirst;
    let mayHaveChanged = false;
    let heldMs = Infinity;
    const waiting: Pending[] = [];
    for (const row of rows) {
      const known = this.#known.get(row.sequence);
      const covering = known ? [] : this.#covering(row, rows);
      const hasTurn = heldMs < Infinity ? row.overtakes : front.has(row);
      if (!hasTurn && covering.length === 0) continue;
      if (mayHaveChanged) state = await this.#host.state(tx, this.#work.target);
      mayHaveChanged = false;
      const superseded = this.#superseded(covering, state);
      if (superseded) {
        this.#marks.set(row, superseded);
        continue;
      }
      if (!hasTurn) continue;
      const decided = known ?? this.#withoutHandler(row, state);
      if ('args' in decided) {
        this.#marks.set(row, await this.#handle(tx, row, decided.args, state!));
        mayHaveChanged = this.#declarationOf(row.command)!.keepsState !== true;
      } else if (decided.state === 'pending') {
        heldMs = Math.min(heldMs, decided.delayMs!);
        if (!known && row.heldMs === null) waiting.push(row);
        if (known) this.#marks.set(row, known);
      } else this.#marks.set(row, decided);
      // What follows is for another transaction.
      if (known) break;
    }
    const left = rows.filter((row) => (this.#marks.get(row)?.state ?? 'pending') === 'pending');
    if (left.length === 0) return undefined;
    const isFree = this.#known.size > 0 && left.some(({ overtakes }) => overtakes);
    // One that overtook them has brought the state that they waited for.
    if (waiting.length > 0 && mayHaveChanged) state = await this.#host.state(tx, this.#work.target);
    const waitsNoMore = waiting.some((row) => {
      const decided = this.#withoutHandler(row, state);
      return 'args' in decided || decided.state !== 'pending';
    });
    return isFree || waitsNoMore || heldMs === Infinity ? 0 : heldMs;
  }

  /** Undefined for a command that another release has, or had. */
  #declarationOf(command: string): CommandDeclaration | undefined {
    return valueNamed(this.#host.commands, command);
  }

  /** What is decided about it without its handler; or the arguments that the handler is to run with. */
  #withoutHandler(row: Pending, state: string | undefined): Mark | { readonly args: unknown } {
    const declaration = this.#declarationOf(row.command);
    if (row.heldMs !== null) return { state: 'pending', delayMs: Number(row.heldMs) };
    const answer = answerOf(declaration, state);
    if (answer.answer === 'wait') return { state: 'pending', delayMs: WAIT_MS };
    if (answer.answer === 'reject') return { state: 'rejected', reason: answer.reason };
    const read = readArgs(declaration!, row.args);
    return 'wrong' in read ? { state: 'rejected', reason: read.wrong } : read;
  }

  /** Later ones that make it needless where they are not rejected. */
  #covering({ sequence, command }: Pending, rows: readonly Pending[]): Pending[] {
    return rows.filter((later) => {
      if (later.sequence <= sequence) return false;
      const declaration = this.#declarationOf(later.command);
      return later.command === command
        ? declaration?.collapses === true
        : declaration?.supersedes?.includes(command) === true;
    });
  }

  #superseded(covering: readonly Pending[], state: string | undefined): Mark | undefined {
    const by = covering.find(
      ({ command }) => answerOf(this.#declarationOf(command), state).answer !== 'reject',
    );
    return by && { state: 'superseded', reason: `by command ${by.sequence}, ${by.command}` };
  }

  async #handle(tx: Transaction, row: Pending, args: unknown, state: string): Promise<Mark> {
    const { target, kind } = this.#work;
    const wait = (reason: string, delayMs: number): never => {
      throw new Stop({ state: 'pending', reason, delayMs });
    };
    const context: CommandContext = {
      target,
      args,
      state,
      author: row.author,
      sequence: row.sequence,
      sentAt: row.sentAt,
      attempt: Number(row.attempts) + 1,
      yield: (reason, ms = YIELD_MS) => wait(reason, ms),
      yieldForLock: (reason, ms = LOCK_YIELD_MS) => wait(reason, ms),
      reject: (reason) => {
        throw new Stop({ state: 'rejected', reason });
      },
    };
    try {
      const handler = this.#host.handlers[row.command]! as CommandHandler;
      const result = await inSpan(
        `command ${row.command}`,
        { [KIND]: kind, [COMMAND]: row.command },
        async () => handler(tx, context),
        () => linksTo(row.traceContext),
      );
      return {
        state: 'consumed',
        ...(result === undefined ? {} : { result: jsonOf(`result of ${row.command}`, result) }),
      };
    } catch (error) {
      this.#running = { row, error };
      throw error;
    }
  }

  #markOf({ command, attempts }: Pending, error: unknown): Mark {
    if (error instanceof Stop) return error.mark;
    const { attempts: most = DEFAULT_ATTEMPTS, backoff = DEFAULT_BACKOFF } = this.#declarationOf(command)!;
    const reason = describeFailure(error);
    if (Number(attempts) + 1 >= most) return { state: 'failed', reason, failed: true };
    let seconds = nextBackoffSeconds(backoff, undefined);
    for (let n = 0; n < attempts; n++) seconds = nextBackoffSeconds(backoff, seconds);
    return { state: 'pending', reason, failed: true, delayMs: backoffDelayMs(backoff, seconds) };
  }
}
