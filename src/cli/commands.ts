import type { Command } from 'commander';
import type { CommandQueue, CommandStatus } from '../commands/index.ts';
import type { Database } from '../index.ts';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { wholeNumber } from './support/numbers.ts';
import { cell, iso, plainJson, printTable } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Options {
  readonly url?: string;
  readonly author?: string;
  readonly key?: string;
  readonly args?: string;
  readonly wait?: number;
  readonly target?: string[];
  readonly state?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

const STATES = [
  'pending',
  'consumed',
  'rejected',
  'superseded',
  'failed',
  'canceled',
] as const satisfies readonly CommandStatus['state'][];

/** `holdfast commands send|list|cancel` */
export function register(program: Command): void {
  const commands = program
    .command('commands')
    .description('ask targets for changes, and see what became of it');
  addUrlOption(commands.command('send <queue> <target> <command>'))
    .description('append a command to the queue of a target')
    .requiredOption('--author <name>', 'who asks for it, for the history')
    .option('--args <json>', 'its arguments, a JSON object', '{}')
    .option('--key <text>', 'the same command with the same key is sent once')
    .option('--wait <seconds>', 'wait for its end, at most so long', wholeNumber(1, 86_400))
    .option('--json', 'as one JSON object')
    .action(send);
  addUrlOption(commands.command('list <queue>'))
    .description('its commands, by target and number')
    .option('--target <target...>', 'of these targets alone')
    .option('--state <state>', `in this state alone: ${STATES.join(', ')}`)
    .option('--json', 'one JSON object a line')
    .action(list);
  addUrlOption(commands.command('cancel <queue> <target> <number>'))
    .description('take back a command that is pending')
    .requiredOption('--reason <text>', 'for the history')
    .action(cancel);
}

async function withQueue<T>(
  name: string,
  { url }: Options,
  act: (db: Database, queue: CommandQueue) => Promise<T>,
): Promise<T> {
  const { findQueue } = await import('../commands/index.ts');
  return withDatabase(url, async (db) => {
    const queue = await findQueue(db, name);
    if (!queue)
      throw new UsageError(`there is no queue "${name}": none of its consumers has run on this database`);
    return act(db, queue);
  });
}

async function send(name: string, target: string, command: string, options: Options): Promise<void> {
  const { author = '', key, wait } = options;
  const args = argsOf(options.args!);
  const how = { author, ...(key !== undefined && { key }) };
  await withQueue(name, options, async (db, queue) => {
    if (wait === undefined) {
      const sent = await queue.send(db, target, command, args, how);
      if (options.json) console.log(plainJson(sent));
      else console.log(`${sent.isNew ? 'sent' : 'sent before'}: command ${sent.sequence} of ${target}`);
      return;
    }
    const ended = await queue.call(db, target, command, args, { ...how, timeoutMs: wait * 1_000 });
    if (options.json) console.log(plainJson(ended));
    else {
      const more = ended.reason ?? (ended.result === undefined ? undefined : plainJson(ended.result));
      console.log(`${ended.state}${more === undefined ? '' : `: ${more}`}`);
    }
    if (ended.state !== 'consumed') process.exitCode = 1;
  });
}

function argsOf(json: string): object {
  let args: unknown;
  try {
    args = JSON.parse(json);
  } catch (error) {
    throw new UsageError(`--args: ${(error as Error).message}`);
  }
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw new UsageError('--args: expected a JSON object, such as {"minutes": 5}');
  return args;
}

async function list(name: string, options: Options): Promise<void> {
  const state = STATES.find((one) => one === options.state);
  if (options.state !== undefined && !state)
    throw new UsageError(`--state ${options.state}: use one of ${STATES.join(', ')}`);
  const filter = { ...(options.target && { targets: options.target }), ...(state && { state }) };
  await withQueue(name, options, async (db, queue) => {
    const rows: string[][] = [];
    for await (const one of queue.list(db, filter)) {
      if (options.json) {
        console.log(plainJson(one));
        continue;
      }
      const { target, sequence, command, author, sentAt, reason = '' } = one;
      rows.push([target, String(sequence), command, one.state, author, iso(sentAt), cell(reason)]);
    }
    if (!options.json)
      printTable(['TARGET', 'NUMBER', 'COMMAND', 'STATE', 'AUTHOR', 'SENT', 'REASON'], rows, 'none');
  });
}

async function cancel(name: string, target: string, number: string, options: Options): Promise<void> {
  const sequence = BigInt(wholeNumber(1)(number));
  await withQueue(name, options, async (db, queue) => {
    if (!(await queue.cancel(db, target, sequence, options.reason!)))
      throw new UsageError(`command ${sequence} of ${target} is not pending`);
    console.log(`canceled: command ${sequence} of ${target}`);
  });
}
