import { z } from 'zod';
import { checkOptions, invalidOption, nameSchema as name } from '../base/index.ts';
import type { Executor } from '../query/index.ts';
import { type Backoff, backoffSchema } from '../work/index.ts';

/** What a queue knows of one command. */
export interface CommandDeclaration<
  State extends string = string,
  Args extends z.ZodType = z.ZodType,
  Name extends string = string,
> {
  /** Schema of its arguments, which travel as JSON. Default: none are taken. */
  readonly args?: Args;
  /** States of the target in which it is carried out. */
  readonly apply: readonly State[];
  /** States in which it waits for another one. In all that are in neither list it is rejected. Default: none. */
  readonly wait?: readonly State[];
  /** It may be carried out while earlier commands of its target wait, yield or back off. Default false. */
  readonly overtakes?: boolean;
  /** Of several that are pending only the last is carried out. Default false. */
  readonly collapses?: boolean;
  /** Pending commands that need not be carried out when this one is to follow. Default: none. */
  readonly supersedes?: readonly Name[];
  /**
   * Its handler leaves the target's state as it is, so the state is not read again before the next command: one statement
   * and one round trip less. Default false.
   */
  readonly keepsState?: boolean;
  /** It has failed for good when its handler has thrown so often, 1 to 1,000. Default 5. */
  readonly attempts?: number;
  /** Pause after each failure. Default 1 s, doubling to 60 s. */
  readonly backoff?: Backoff;
}

export type CommandDeclarations<State extends string> = Readonly<Record<string, CommandDeclaration<State>>>;

/** What a queue of commands is called, and what its targets can be asked. */
export interface QueueDefinition<State extends string, Commands extends CommandDeclarations<State>> {
  /** Letters, digits, dots, dashes and underscores, at most 80. */
  readonly name: string;
  /** States that a target can be in. */
  readonly states: readonly State[];
  /** Reads the state of a target; undefined: there is none of this name. Only reads, by a statement on `on`. */
  readonly state: (on: Executor, target: string) => Promise<NoInfer<State> | undefined>;
  /**
   * Of the transactions that carry commands out, on PostgreSQL. `read committed`: several times as many a second where
   * targets are few, since SERIALIZABLE takes neighbors in an index for conflicts; handlers that write nothing but rows of
   * their own target, which nobody else writes, need no more. Default `serializable`.
   */
  readonly isolation?: 'serializable' | 'read committed';
  readonly commands: Commands & {
    readonly [C in keyof Commands]: CommandDeclaration<
      NoInfer<State>,
      z.ZodType,
      NoInfer<keyof Commands & string>
    >;
  };
}

/** Arguments as a sender gives them: none where none are declared. */
export type ArgsIn<D> = D extends { readonly args: infer A extends z.ZodType } ? z.input<A> : NoArgs;
/** Arguments as a handler gets them. */
export type ArgsOut<D> = D extends { readonly args: infer A extends z.ZodType } ? z.output<A> : NoArgs;
/** None are taken. */
export type NoArgs = Readonly<Record<never, never>>;

const names = z.array(name);
const isSchema = (value: unknown) => typeof (value as z.ZodType | undefined)?.safeParse === 'function';

const declarationSchema = z.strictObject({
  args: z.custom<z.ZodType>(isSchema, 'expected a zod schema').optional(),
  apply: names,
  wait: names.optional(),
  overtakes: z.boolean().optional(),
  collapses: z.boolean().optional(),
  supersedes: names.optional(),
  keepsState: z.boolean().optional(),
  attempts: z.int().min(1).max(1_000).optional(),
  backoff: backoffSchema.optional(),
});

const definitionSchema = z.strictObject({
  name,
  states: names.min(1),
  state: z.custom<unknown>((value) => typeof value === 'function', 'expected a function'),
  isolation: z.enum(['serializable', 'read committed']).optional(),
  commands: z.record(name, declarationSchema),
});

/** Throws MisuseError naming what is wrong. */
export function checkDefinition(given: unknown): void {
  const { states, commands } = checkOptions(definitionSchema, given);
  const known = Object.keys(commands);
  if (known.length === 0) throw invalidOption('commands', 'expected one at least');
  for (const [command, { apply, wait = [], supersedes = [] }] of Object.entries(commands)) {
    const where = `commands.${command}`;
    const other = [...apply, ...wait].find((state) => !states.includes(state));
    if (other !== undefined)
      throw invalidOption(where, `"${other}" is not one of the states: ${states.join(', ')}`);
    const both = wait.find((state) => apply.includes(state));
    if (both !== undefined) throw invalidOption(where, `"${both}" is in apply and in wait`);
    const unknown = supersedes.find((one) => !known.includes(one));
    if (unknown !== undefined)
      throw invalidOption(`${where}.supersedes`, `"${unknown}" is not one of: ${known.join(', ')}`);
  }
}

const NO_ARGS = z.strictObject({});

/** Why these arguments do not fit, with the path of what does not; or what a handler gets. */
export function readArgs(
  declaration: CommandDeclaration,
  args: unknown,
): { readonly args: unknown } | { readonly wrong: string } {
  const read = (declaration.args ?? NO_ARGS).safeParse(args);
  if (read.success) return { args: read.data };
  const [issue] = read.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const path = ['args', ...(issue?.path ?? []), ...unknown].join('.');
  return { wrong: `${path}: ${unknown.length > 0 ? 'unknown argument' : (issue?.message ?? 'not valid')}` };
}

/** What becomes of a command in a state of its target. */
export type Answer =
  | { readonly answer: 'apply' }
  | { readonly answer: 'wait'; readonly reason: string }
  | { readonly answer: 'reject'; readonly reason: string };

/** The rule that consumers and `allowed` share. */
export function answerOf(declaration: CommandDeclaration | undefined, state: string | undefined): Answer {
  if (!declaration) return { answer: 'reject', reason: 'this command is not declared' };
  if (state === undefined) return { answer: 'reject', reason: 'there is no such target' };
  if (declaration.apply.includes(state)) return { answer: 'apply' };
  const reason = `the target is ${state}`;
  return declaration.wait?.includes(state) ? { answer: 'wait', reason } : { answer: 'reject', reason };
}
