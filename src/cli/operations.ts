import type { Command } from 'commander';
import type { Database } from '../index.ts';
import type { OperationState, Pipeline } from '../operations/index.ts';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { cell, iso, plainJson, printTable } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Options {
  readonly url?: string;
  readonly operation?: string[];
  readonly state?: string;
  readonly message?: string;
  readonly since?: string;
  readonly until?: string;
  readonly target?: string[];
  readonly json?: boolean;
}

const STATES = ['READY', 'WORKING', 'OK', 'WARNING', 'FAILED'] as const satisfies readonly OperationState[];

/** `holdfast operations list|report|rerun` */
export function register(program: Command): void {
  const operations = program
    .command('operations')
    .description('see the operations of a pipeline, and run them again');
  filtered(operations.command('list <pipeline>'))
    .description('its operations, by target')
    .option('--json', 'one JSON object a line')
    .action(list);
  addUrlOption(operations.command('report <pipeline>'))
    .description('how many there are in each state, and the failures, grouped')
    .option('--json', 'as one JSON object')
    .action(report);
  filtered(operations.command('rerun <pipeline>'))
    .description('enable again what has ended and is named by the options')
    .option('--target <target...>', 'of these targets alone')
    .action(rerun);
}

const filtered = (command: Command) =>
  addUrlOption(command)
    .option('--operation <name...>', 'these operations alone')
    .option('--state <state>', `in this state alone: ${STATES.join(', ')}`)
    .option('--message <text>', 'with exactly this message: a group of failures')
    .option('--since <time>', 'changed at or after this time, ISO 8601')
    .option('--until <time>', 'changed before this time, ISO 8601');

/** Connects, and finds out which operations the pipeline has. */
async function withPipeline<T>(
  name: string,
  { url }: Options,
  act: (db: Database, pipeline: Pipeline) => Promise<T>,
): Promise<T> {
  const { findPipeline } = await import('../operations/index.ts');
  return withDatabase(url, async (db) => {
    const pipeline = await findPipeline(db, name);
    if (!pipeline) throw new UsageError(`there is no operation of a pipeline "${name}"`);
    return act(db, pipeline);
  });
}

function filterOf({ operation, state, message, since, until }: Options) {
  const known = STATES.find((one) => one === state);
  if (state !== undefined && !known)
    throw new UsageError(`--state ${state}: use one of ${STATES.join(', ')}`);
  return {
    ...(operation && { operations: operation }),
    ...(known && { state: known }),
    ...(message !== undefined && { message }),
    ...(since !== undefined && { since: timeOf('--since', since) }),
    ...(until !== undefined && { until: timeOf('--until', until) }),
  };
}

function timeOf(option: string, text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new UsageError(`${option} ${text}: expected a time such as 2026-01-31T12:00:00Z`);
  return time;
}

async function list(name: string, options: Options): Promise<void> {
  const filter = filterOf(options);
  await withPipeline(name, options, async (db, pipeline) => {
    const rows: string[][] = [];
    for await (const status of pipeline.list(db, filter)) {
      if (options.json) {
        console.log(plainJson(status));
        continue;
      }
      const { target, operation, state, attempts, changedAt, message = '' } = status;
      rows.push([target, operation, state, String(attempts), iso(changedAt), cell(message)]);
    }
    if (!options.json)
      printTable(['TARGET', 'OPERATION', 'STATE', 'ATTEMPTS', 'CHANGED', 'MESSAGE'], rows, 'none');
  });
}

async function report(name: string, options: Options): Promise<void> {
  const { counts, failures } = await withPipeline(name, options, async (db, pipeline) => ({
    counts: await pipeline.counts(db),
    failures: await pipeline.failures(db),
  }));
  if (options.json) {
    console.log(plainJson({ counts, failures }));
    return;
  }
  const counted = counts.map(({ operation, state, count }) => [operation, state, String(count)]);
  printTable(['OPERATION', 'STATE', 'COUNT'], counted, 'none');
  if (failures.length === 0) return;
  console.log();
  const failed = failures.map(({ operation, count, example, message = '' }) => [
    operation,
    String(count),
    example,
    cell(message),
  ]);
  printTable(['FAILED', 'COUNT', 'EXAMPLE', 'MESSAGE'], failed, 'none');
}

async function rerun(name: string, options: Options): Promise<void> {
  const filter = { ...filterOf(options), ...(options.target && { targets: options.target }) };
  if (Object.keys(filter).length === 0)
    throw new UsageError(
      'say which operations: with --target, --operation, --state, --message, --since or --until',
    );
  const count = await withPipeline(name, options, (db, pipeline) => pipeline.rerun(db, filter));
  console.log(`enabled ${count}`);
}
