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
} from '../base/index.ts';
import { lockTarget, markCommands, pendingCommands } from '../queries/commands.ts';
import { COMMAND, inSpan, KIND, withRemoteParent } from '../telemetry/index.ts';
import type { Transaction } from '../transact/index.ts';
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
    for (;;) {
      try {
        // The end is sent last: until then claims go on on CockroachDB, where they wait for a row that is being written.
        await this.#work.transact((tx) => this.#carryOut(tx), {
          name: this.#host.kind,
          isolation: this.#host.isolation,
        });
        return [...this.#marks].map(([{ sequence, command }, { state, reason }]) => ({
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

  async #carryOut(tx: Transaction): Promise<void> {
    const { kind, answers } = this.#host;
    const { target } = this.#work;
    this.#marks = new Map();
    this.#running = undefined;
    const named = { queue: kind, target };
    const locked = lockTarget(tx, named);
    const rows = await pendingCommands(tx, { ...named, most: BigInt(BATCH + 1) });
    await locked;
    const dueMs = await this.#walk(tx, rows);
    const marks = [...this.#marks];
    if (marks.some(([{ awaited }, { state }]) => awaited && state !== 'pending'))
      tx.announce(answers(target));
    const marked = markCommands(tx, {
      ...named,
      sequences: marks.map(([{ sequence }]) => sequence),
      states: marks.map(([, { state }]) => state),
      reasons: marks.map(([, { reason }]) => reason ?? ''),
      results: marks.map(([, { result }]) => result ?? ''),
      failures: marks.map(([, { failed }]) => (failed ? 1n : 0n)),
      delaysMs: marks.map(([, { delayMs }]) => BigInt(Math.ceil(delayMs ?? 0))),
      dueMs: dueMs === undefined ? null : BigInt(Math.ceil(dueMs)),
    });
    await Promise.all([marked, this.#work.finish()]);
  }

  /** Decides on each command in its turn. Gives in how many milliseconds to look again; undefined: nothing is pending. */
  async #walk(tx: Transaction, rows: readonly Pending[]): Promise<number | undefined> {
    const front = rows.slice(0, BATCH);
    let state = await this.#host.state(tx, this.#work.target);
    let heldMs = Infinity;
    const waiting: Pending[] = [];
    for (const row of rows) {
      const known = this.#known.get(row.sequence);
      const superseded = known ? undefined : this.#superseded(row, rows, state);
      if (superseded) {
        this.#marks.set(row, superseded);
        continue;
      }
      const isHeld = heldMs < Infinity;
      if (isHeld ? !row.overtakes : !front.includes(row)) continue;
      const mark = known ?? this.#withoutHandler(row, state);
      if (mark === undefined) {
        this.#marks.set(row, await this.#handle(tx, row, state!));
        state = await this.#host.state(tx, this.#work.target);
      } else if (mark.state === 'pending') {
        heldMs = Math.min(heldMs, mark.delayMs!);
        if (!known && row.heldMs === null) waiting.push(row);
        if (known) this.#marks.set(row, known);
      } else this.#marks.set(row, mark);
      // What follows is for another transaction.
      if (known) break;
    }
    const left = rows.filter((row) => (this.#marks.get(row)?.state ?? 'pending') === 'pending');
    if (left.length === 0) return undefined;
    const isFree = this.#known.size > 0 && left.some(({ overtakes }) => overtakes);
    // One that overtook them has brought the state that they waited for.
    const waitsNoMore = waiting.some((row) => this.#withoutHandler(row, state)?.state !== 'pending');
    return isFree || waitsNoMore || heldMs === Infinity ? 0 : heldMs;
  }

  /** What is decided about it without its handler. Undefined: the handler has to run. */
  #withoutHandler(row: Pending, state: string | undefined): Mark | undefined {
    const declaration = this.#host.commands[row.command];
    if (row.heldMs !== null) return { state: 'pending', delayMs: Number(row.heldMs) };
    const answer = answerOf(declaration, state);
    if (answer.answer === 'wait') return { state: 'pending', delayMs: WAIT_MS };
    if (answer.answer === 'reject') return { state: 'rejected', reason: answer.reason };
    const read = readArgs(declaration!, row.args);
    return 'wrong' in read ? { state: 'rejected', reason: read.wrong } : undefined;
  }

  #superseded(row: Pending, rows: readonly Pending[], state: string | undefined): Mark | undefined {
    const by = rows.find(
      ({ sequence, command }) => sequence > row.sequence && this.#supersedes(command, row.command, state),
    );
    return by && { state: 'superseded', reason: `by command ${by.sequence}, ${by.command}` };
  }

  #supersedes(later: string, earlier: string, state: string | undefined): boolean {
    const declaration = this.#host.commands[later];
    const covers = later === earlier ? declaration?.collapses : declaration?.supersedes?.includes(earlier);
    return covers === true && answerOf(declaration, state).answer !== 'reject';
  }

  async #handle(tx: Transaction, row: Pending, state: string): Promise<Mark> {
    const { target, kind } = this.#work;
    const declaration = this.#host.commands[row.command]!;
    const { args } = readArgs(declaration, row.args) as { readonly args: unknown };
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
      const result = await withRemoteParent(row.traceContext, () =>
        inSpan(`command ${row.command}`, { [KIND]: kind, [COMMAND]: row.command }, async () =>
          handler(tx, context),
        ),
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
    const { attempts: most = DEFAULT_ATTEMPTS, backoff = DEFAULT_BACKOFF } = this.#host.commands[command]!;
    const reason = describeFailure(error);
    if (Number(attempts) + 1 >= most) return { state: 'failed', reason, failed: true };
    let seconds = nextBackoffSeconds(backoff, undefined);
    for (let n = 0; n < attempts; n++) seconds = nextBackoffSeconds(backoff, seconds);
    return { state: 'pending', reason, failed: true, delayMs: backoffDelayMs(backoff, seconds) };
  }
}
