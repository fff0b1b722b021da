import { z } from 'zod';
import { checkText, invalidOption, isText, jsonOf } from '../base/index.ts';
import { type Database, reading, type Transacts, WRITE_WITHIN_MS } from '../client/index.ts';
import {
  cancelCommand,
  declaredQueue,
  declareQueue,
  deleteNotes,
  dueTargets,
  getCommand,
  listCommands,
  lockTarget,
  pendingNames,
  rejectPending,
  sendCommands,
  wakeTargets,
} from '../queries/commands.ts';
import { claim, type Executor } from '../query/index.ts';
import { COMMAND, countCommand, inSpan, KIND, traceContext } from '../telemetry/index.ts';
import type { Transaction } from '../transact/index.ts';
import { bucketOf, type ControlLoopOptions, type Source, type Work } from '../work/index.ts';
import {
  Batch,
  type BatchHost,
  type CommandHandler,
  type CommandOutcome,
  type EndedState,
} from './consume.ts';
import {
  type ArgsIn,
  type ArgsOut,
  answerOf,
  type CommandDeclaration,
  type CommandDeclarations,
  checkDefinition,
  type QueueDefinition,
  readArgs,
} from './definition.ts';
import { CommandKeyError, CommandTimeoutError } from './errors.ts';
import { Notes } from './notes.ts';

/** Who sends a command, and under which key. */
export interface SendOptions {
  /** Who asks for it: for the history. */
  readonly author: string;
  /** The same command with the same key is sent once, 1 to 200 characters. Default: none. */
  readonly key?: string | undefined;
}

/** Options of `call`. */
export interface CallOptions extends SendOptions {
  /** Longest wait in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait early; the command stays. */
  readonly signal?: AbortSignal | undefined;
}

/** One of several commands that are sent together. */
export type CommandToSend<Commands> = {
  readonly [C in keyof Commands & string]: {
    readonly target: string;
    readonly command: C;
    readonly args?: ArgsIn<Commands[C]> | undefined;
    readonly key?: string | undefined;
  };
}[keyof Commands & string];

/** A command that was sent: `sequence` is its number among those of its target. */
export interface SentCommand {
  readonly target: string;
  readonly sequence: bigint;
  /** False: it had been sent before, under the same key. */
  readonly isNew: boolean;
}

/** A command as the database has it. */
export interface CommandStatus {
  readonly target: string;
  readonly sequence: bigint;
  readonly command: string;
  readonly args: unknown;
  readonly author: string;
  readonly key: string | undefined;
  readonly state: EndedState | 'pending';
  /** Why it has ended so, or why it waits. */
  readonly reason: string | undefined;
  /** What its handler returned. */
  readonly result: unknown;
  /** How often its handler threw. */
  readonly attempts: number;
  /** Not tried before this time. */
  readonly notBefore: Date | undefined;
  readonly sentAt: Date;
  readonly endedAt: Date | undefined;
}

/** What would become of a command if it were sent now. */
export interface Allowed {
  readonly answer: 'allowed' | 'pending' | 'waits' | 'refused';
  readonly reason: string | undefined;
}

/** A handler for each command. */
export type CommandHandlers<State extends string, Commands> = {
  readonly [C in keyof Commands]: CommandHandler<ArgsOut<Commands[C]>, State>;
};

const PAGE = 500;
const TIMEOUT_MS = 30_000;
/** One who waits for an end looks after this, should nobody tell. */
const LOOK_MS = 1_000;
/** Topics on which ends are told: who waits for one hears of the others in the same. */
const ANSWER_TOPICS = 16;

/**
 * Commands to targets. Anybody may send one; only who holds the target's work changes the target, and marks the command in
 * the same transaction.
 *
 *   send ──▶ pending ──handler──▶ consumed
 *              │  ▲ └──yields, waits, throws──┐
 *              │  └───────────────────────────┘
 *              └──▶ rejected, superseded, failed, canceled
 *
 * After the command queue of Phabricator's Drydock.
 */
export class CommandQueue<
  State extends string = string,
  Commands extends CommandDeclarations<State> = CommandDeclarations<State>,
> {
  readonly name: string;
  /** Kind of the work that carries commands out. */
  readonly kind: string;
  /** What a claim or a control loop takes targets from. */
  readonly source: Source;
  readonly #definition: QueueDefinition<State, Commands>;
  /** Sessions that have written down what is declared here. */
  readonly #declared = new Set<string>();
  readonly #declaring = new Map<string, Promise<void>>();

  /** @internal */
  constructor(definition: QueueDefinition<State, Commands>) {
    this.#definition = definition;
    this.name = definition.name;
    this.kind = kindOf(definition.name);
    this.source = claim<{ readonly queue: string }>({ ...dueTargets.definition, kind: this.kind }).with({
      queue: this.kind,
    });
  }

  /** Names of its commands. */
  get commands(): readonly (keyof Commands & string)[] {
    return Object.keys(this.#definition.commands);
  }

  /**
   * Appends a command to the target's queue and wakes its consumer; in one transaction, or as part of the one that is given.
   * Throws MisuseError for a command that is not declared, and for arguments that do not fit, by path; CommandKeyError; and
   * as `transact`.
   */
  async send<C extends keyof Commands & string>(
    on: Transacts,
    target: string,
    command: C,
    args: ArgsIn<Commands[C]>,
    options: SendOptions,
  ): Promise<SentCommand> {
    const { author, key } = options;
    const [sent] = await this.sendMany(on, [{ target, command, args, key } as CommandToSend<Commands>], {
      author,
    });
    return sent!;
  }

  /** The same for several, in one statement; those to one target in their order. All or none. */
  sendMany(
    on: Transacts,
    commands: readonly CommandToSend<Commands>[],
    { author }: Pick<SendOptions, 'author'>,
  ): Promise<SentCommand[]> {
    return this.#send(on, commands, author, false);
  }

  async #send(
    on: Transacts,
    commands: readonly CommandToSend<Commands>[],
    author: string,
    awaited: boolean,
  ): Promise<SentCommand[]> {
    if (commands.length === 0) return [];
    const { distinct: checked, places } = distinctByKey(
      commands.map((one) => this.#check(one as UncheckedCommand)),
    );
    checkText('author', author);
    const names = { [KIND]: this.kind, [COMMAND]: checked[0]!.command };
    return inSpan(`send to ${this.name}`, names, () =>
      on.transact(
        async (tx) => {
          const rows = await sendCommands(tx, {
            queue: this.kind,
            author,
            awaited,
            traceContext: traceContext(),
            ords: checked.map((_, n) => BigInt(n + 1)),
            targets: checked.map(({ target }) => target),
            commands: checked.map(({ command }) => command),
            args: checked.map(({ json }) => json),
            keys: checked.map(({ key }) => key),
            overtakes: checked.map(({ declaration }) => declaration.overtakes ?? false),
          });
          tx.announce(this.kind);
          const sent = rows.map(({ ord, sequence, isNew, isSame }) => {
            const { target, key } = checked[Number(ord) - 1]!;
            if (!isSame) throw new CommandKeyError(target, key, sequence);
            return { target, sequence, isNew };
          });
          return places.map((place) => sent[place]!);
        },
        { name: `send to ${this.name}`, deadlineMs: WRITE_WITHIN_MS },
      ),
    );
  }

  #check({ target, command, args = {}, key }: UncheckedCommand): CheckedCommand {
    const declaration = this.#declarationOf(command);
    checkText('target', target);
    if (key !== undefined && (!isText(key) || key === '' || key.length > 200))
      throw invalidOption('key', 'expected a text of 1 to 200 characters');
    const json = jsonOf('args', args);
    const read = readArgs(declaration, JSON.parse(json));
    if ('wrong' in read) throw invalidOption('args', `${command} of ${this.name}: ${read.wrong}`);
    return { target, command, json, key: key ?? '', declaration };
  }

  #declarationOf(command: string): CommandDeclaration {
    const { commands } = this.#definition;
    if (!Object.hasOwn(commands, command))
      throw invalidOption('command', `"${command}" is not one of ${this.name}: ${this.commands.join(', ')}`);
    return commands[command]!;
  }

  /**
   * Sends a command and waits for its end, which may be any: look at `state`. Throws CommandTimeoutError, what the signal
   * says when it aborts, and as `send`; the command stays in the queue then.
   */
  async call<C extends keyof Commands & string>(
    db: Database,
    target: string,
    command: C,
    args: ArgsIn<Commands[C]>,
    options: CallOptions,
  ): Promise<CommandStatus> {
    const { author, key, timeoutMs = TIMEOUT_MS, signal } = options;
    if (!(timeoutMs > 0)) throw invalidOption('timeoutMs', 'expected milliseconds of more than 0');
    const until = performance.now() + timeoutMs;
    using watch = db.watch(this.#answers(target));
    const one = { target, command, args, key } as CommandToSend<Commands>;
    const [sent] = await this.#send(db, [one], author, true);
    for (;;) {
      signal?.throwIfAborted();
      const { heard } = watch;
      const status = await this.status(db, target, sent!.sequence);
      if (status && status.state !== 'pending') return status;
      const leftMs = until - performance.now();
      if (leftMs <= 0) throw new CommandTimeoutError(target, sent!.sequence, command, timeoutMs);
      await watch.changed(heard, Math.min(leftMs, LOOK_MS), signal);
    }
  }

  #answers(target: string): string {
    return `${this.kind} answers ${bucketOf(target, ANSWER_TOPICS)}`;
  }

  /** What a control loop needs to carry commands out: `runControlLoop(db, { ...queue.loop(handlers), parallelism: 8 })`. */
  loop(handlers: CommandHandlers<State, Commands>): Pick<ControlLoopOptions, 'source' | 'handle'> {
    this.#checkHandlers(handlers);
    return {
      source: this.source,
      handle: async (work) => {
        await this.consume(work, handlers);
      },
    };
  }

  /**
   * Carries out commands that are pending of the work's target, in order, up to 50, and ends the work: handlers, marks and
   * the end are one transaction. A handler that yields, rejects or throws undoes the whole, and the commands before it are
   * carried out again. Gives what became of each. Throws as `work.transact`; a handler's own error is the command's.
   */
  async consume(work: Work, handlers: CommandHandlers<State, Commands>): Promise<CommandOutcome[]> {
    if (work.kind !== this.kind)
      throw invalidOption('work', `${work.kind} does not carry out commands of ${this.name}`);
    this.#checkHandlers(handlers);
    const host: BatchHost = {
      kind: this.kind,
      isolation: this.#definition.isolation ?? 'serializable',
      commands: this.#definition.commands,
      handlers,
      state: (tx, target) => this.#definition.state(tx, target),
      answers: (target) => this.#answers(target),
    };
    await this.#declare(work);
    const outcomes = await new Batch(host, work).run();
    for (const { command, state } of outcomes)
      if (state !== 'pending') countCommand(this.kind, command, state);
    return outcomes;
  }

  /** Writes down what is declared here, once for each session: its works wait for the first. */
  async #declare(work: Work): Promise<void> {
    const { sessionId } = work;
    const first = this.#declaring.get(sessionId);
    if (first) await first.catch(() => {});
    if (this.#declared.has(sessionId)) return;
    const declaring = work.transact((tx) =>
      declareQueue(tx, { queue: this.kind, commands: this.#described() }),
    );
    this.#declaring.set(sessionId, declaring);
    try {
      await declaring;
      this.#declared.add(sessionId);
    } finally {
      this.#declaring.delete(sessionId);
    }
  }

  #checkHandlers(handlers: object): void {
    const missing = this.commands.find((command) => typeof handlers?.[command as never] !== 'function');
    if (missing !== undefined) throw invalidOption(`handlers.${missing}`, 'expected a function');
  }

  #described(): DeclaredCommands {
    return Object.fromEntries(
      Object.entries<CommandDeclaration>(this.#definition.commands).map(([command, { args, overtakes }]) => [
        command,
        {
          overtakes: overtakes ?? false,
          args: z.toJSONSchema(args ?? z.strictObject({}), { io: 'input', unrepresentable: 'any' }),
        },
      ]),
    );
  }

  /** Makes consumers look at the target again: the one that changes its state says so, in the same transaction. */
  async wake(tx: Transaction, target: string): Promise<void> {
    await wakeTargets(tx, { queue: this.kind, targets: [checkText('target', target)] });
    tx.announce(this.kind);
  }

  /** Ends what the target leaves, which is gone with this transaction: rejects pending commands, and deletes notes. */
  async destroyed(tx: Transaction, target: string): Promise<void> {
    const named = { queue: this.kind, target: checkText('target', target) };
    await lockTarget(tx, named);
    await rejectPending(tx, { ...named, reason: 'the target was destroyed' });
    await deleteNotes(tx, named);
    tx.announce(this.#answers(target));
  }

  /** Takes a pending command back; false: it is pending no more. Throws as `transact`. */
  cancel(on: Transacts, target: string, sequence: bigint, reason: string): Promise<boolean> {
    const named = { queue: this.kind, target: checkText('target', target) };
    checkText('reason', reason);
    return on.transact(
      async (tx) => {
        await lockTarget(tx, named);
        const canceled = await cancelCommand(tx, { ...named, sequence: BigInt(sequence), reason });
        await wakeTargets(tx, { queue: this.kind, targets: [target] });
        tx.announce(this.kind);
        tx.announce(this.#answers(target));
        return Number(canceled) > 0;
      },
      { name: `cancel a command of ${this.name}`, deadlineMs: WRITE_WITHIN_MS },
    );
  }

  /** What would become of each command if it were sent now, by the rules that consumers go by. Promises nothing. */
  async allowed(on: Executor, target: string): Promise<Readonly<Record<keyof Commands & string, Allowed>>> {
    const from = reading(on);
    const [state, pending] = await Promise.all([
      this.#definition.state(from, target),
      pendingNames(from, { queue: this.kind, target: checkText('target', target) }),
    ]);
    const names = new Set(pending.map(({ command }) => command));
    const answers = Object.entries<CommandDeclaration>(this.#definition.commands).map(
      ([command, declaration]): [string, Allowed] => {
        const answer = answerOf(declaration, state);
        if (answer.answer === 'reject') return [command, { answer: 'refused', reason: answer.reason }];
        if (names.has(command)) return [command, { answer: 'pending', reason: undefined }];
        if (answer.answer === 'wait') return [command, { answer: 'waits', reason: answer.reason }];
        return [command, { answer: 'allowed', reason: undefined }];
      },
    );
    return Object.fromEntries(answers) as Record<keyof Commands & string, Allowed>;
  }

  /** One command; undefined: there is none of this number. */
  async status(on: Executor, target: string, sequence: bigint): Promise<CommandStatus | undefined> {
    const row = await getCommand(reading(on), { queue: this.kind, target, sequence: BigInt(sequence) });
    return row ? statusOf(row) : undefined;
  }

  /** Commands in the order of target and number, page by page. */
  async *list(
    on: Executor,
    filter: { readonly targets?: readonly string[]; readonly state?: CommandStatus['state'] } = {},
  ): AsyncGenerator<CommandStatus> {
    let [afterTarget, afterSequence] = ['', 0n];
    for (;;) {
      const rows = await listCommands(reading(on), {
        queue: this.kind,
        afterTarget,
        afterSequence,
        targets: filter.targets ? [...filter.targets] : null,
        state: filter.state ?? null,
        page: BigInt(PAGE),
      });
      for (const row of rows) yield statusOf(row);
      if (rows.length < PAGE) return;
      ({ target: afterTarget, sequence: afterSequence } = rows.at(-1)!);
    }
  }

  /** What components keep beside the queue's targets, as JSON that fits the schema. */
  notes<T>(schema: z.ZodType<T>): Notes<T> {
    return new Notes(this.kind, schema);
  }
}

interface UncheckedCommand {
  readonly target: string;
  readonly command: string;
  readonly args?: unknown;
  readonly key?: string | undefined;
}

interface CheckedCommand {
  readonly target: string;
  readonly command: string;
  readonly json: string;
  /** Empty: it has none. */
  readonly key: string;
  readonly declaration: CommandDeclaration;
}

/** Leaves out what has the target and key of an earlier one, and tells where each is found. */
function distinctByKey(commands: readonly CheckedCommand[]) {
  const distinct: CheckedCommand[] = [];
  const byKey = new Map<string, number>();
  const places = commands.map((one) => {
    const name = JSON.stringify([one.target, one.key]);
    const known = one.key === '' ? undefined : byKey.get(name);
    if (known === undefined) {
      byKey.set(name, distinct.length);
      return distinct.push(one) - 1;
    }
    const { command, json } = distinct[known]!;
    if (command !== one.command || json !== one.json)
      throw invalidOption(
        'key',
        `two commands of ${one.target} have the key ${one.key}, and are not the same`,
      );
    return known;
  });
  return { distinct, places };
}

type DeclaredCommands = Readonly<Record<string, { readonly overtakes: boolean; readonly args: object }>>;

const kindOf = (name: string) => `${name}:commands`;

function statusOf(row: Awaited<ReturnType<typeof listCommands>>[number]): CommandStatus {
  const { state, key, reason, result, attempts, notBefore, endedAt, ...rest } = row;
  return {
    ...rest,
    key: key ?? undefined,
    state: state as CommandStatus['state'],
    reason: reason ?? undefined,
    result: result ?? undefined,
    attempts: Number(attempts),
    notBefore: notBefore ?? undefined,
    endedAt: endedAt ?? undefined,
  };
}

/** Declares a queue. Throws MisuseError naming what is wrong. */
export function defineCommands<const State extends string, const Commands extends CommandDeclarations<State>>(
  definition: QueueDefinition<State, Commands>,
): CommandQueue<State, Commands> {
  checkDefinition(definition);
  return new CommandQueue(definition);
}

/**
 * A queue as its consumers have written it down, for programs that have no declaration of it: to send, list and cancel.
 * Undefined: none of them has run yet.
 */
export async function findQueue(on: Executor, name: string): Promise<CommandQueue | undefined> {
  const row = await declaredQueue(reading(on), { queue: kindOf(name) });
  if (!row) return undefined;
  const commands = Object.entries(row.commands as DeclaredCommands).map(([command, { overtakes, args }]) => [
    command,
    { args: z.fromJSONSchema(args as never), overtakes, apply: [] },
  ]);
  return new CommandQueue<string, CommandDeclarations<string>>({
    name,
    states: [],
    state: async () => undefined,
    commands: Object.fromEntries(commands) as CommandDeclarations<string>,
  });
}
