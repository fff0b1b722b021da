import type { Command } from 'commander';
import type { Database } from '../index.ts';
import type { Resolution, WorkflowStatus } from '../workflows/index.ts';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { iso, printTable } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Options {
  readonly url?: string;
  readonly state?: string;
  readonly ofVersion?: string;
  readonly stuck?: boolean;
  readonly ended?: boolean;
  readonly json?: boolean;
  readonly format?: string;
  readonly retry?: boolean;
  readonly skip?: boolean;
  readonly force?: string;
  readonly cause?: string;
}

/** Longer messages are cut in a table; `--json` shows all of them. */
const CELL = 60;

/** `holdfast workflows list|show|describe|resolve` */
export function register(program: Command): void {
  const workflows = program
    .command('workflows')
    .description('see the instances of workflows, and decide about those that are stuck');
  addUrlOption(workflows.command('list [workflow]'))
    .description('its instances, by target; without a name the workflows that there are')
    .option('--state <state>', 'in this state alone')
    .option('--of-version <version>', 'of this version alone')
    .option('--stuck', 'those alone that wait for an operator')
    .option('--ended', 'those alone that have ended')
    .option('--json', 'one JSON object a line')
    .action(list);
  addUrlOption(workflows.command('show <workflow> <target>'))
    .description('one instance: how it stands, and all that happened to it')
    .option('--json', 'as one JSON object')
    .action(show);
  addUrlOption(workflows.command('describe <workflow>'))
    .description('a diagram of its states and transitions, as its program has written them down')
    .option('--format <format>', 'mermaid or dot', 'mermaid')
    .option('--of-version <version>', 'this version; else the newest')
    .action(describe);
  addUrlOption(workflows.command('resolve <workflow> <target>'))
    .description('decide about an instance that nobody holds')
    .option('--retry', 'run what is in flight again, with all its attempts')
    .option('--skip', 'give up what is in flight; the state stays')
    .option('--force <state>', 'give up what is in flight, and set the state')
    .requiredOption('--cause <text>', 'why; stays in the history')
    .action(resolve);
}

function versionOf({ ofVersion: version }: Options): number | undefined {
  if (version === undefined) return undefined;
  const number = Number(version);
  if (!Number.isInteger(number) || number < 1)
    throw new UsageError(`--of-version ${version}: expected a whole number from 1`);
  return number;
}

async function mustBeKnown(db: Database, workflow: string): Promise<void> {
  const { workflowNames } = await import('../workflows/index.ts');
  const names = await workflowNames(db);
  if (!names.includes(workflow))
    throw new UsageError(`there is no workflow "${workflow}"; there are ${names.join(', ') || 'none'}`);
}

async function list(workflow: string | undefined, options: Options): Promise<void> {
  const { listInstances, workflowNames } = await import('../workflows/index.ts');
  const version = versionOf(options);
  await withDatabase(options.url, async (db) => {
    if (workflow === undefined) {
      printTable(
        ['WORKFLOW'],
        (await workflowNames(db)).map((name) => [name]),
        'none',
      );
      return;
    }
    await mustBeKnown(db, workflow);
    const { state, stuck, ended } = options;
    const rows: string[][] = [];
    for await (const one of listInstances(db, workflow, { state, version, stuck, ended })) {
      if (options.json) console.log(JSON.stringify(one));
      else
        rows.push([
          one.target,
          String(one.version),
          one.state ?? '(initial)',
          one.inFlight?.transition ?? '',
          iso(one.enteredAt),
          waitsFor(one),
        ]);
    }
    if (!options.json)
      printTable(['TARGET', 'VERSION', 'STATE', 'IN FLIGHT', 'SINCE', 'CONDITION'], rows, 'none');
  });
}

/** In a few words why it does not go on, or that it does. */
function waitsFor({ stuck, endedAt, sessionId, canceledAt, dueAt }: WorkflowStatus): string {
  if (stuck !== undefined) return cut(`stuck: ${stuck}`);
  if (endedAt) return 'ended';
  if (sessionId !== undefined) return `held by ${sessionId}`;
  if (canceledAt) return 'canceled';
  return dueAt ? `due ${iso(dueAt)}` : 'waits';
}

async function show(workflow: string, target: string, { url, json }: Options): Promise<void> {
  const { workflowHistory, workflowStatus } = await import('../workflows/index.ts');
  const found = await withDatabase(url, async (db) => {
    const status = await workflowStatus(db, workflow, target);
    return status && { status, history: await workflowHistory(db, workflow, target) };
  });
  if (!found) throw new UsageError(`there is no ${workflow} of ${target}`);
  const { status, history } = found;
  if (json) {
    console.log(JSON.stringify({ ...status, history }));
    return;
  }
  console.log(`${workflow} of ${target}: ${status.state ?? '(initial)'}, ${waitsFor(status)}`);
  console.log(`version ${status.version}, started ${iso(status.startedAt)}`);
  console.log(`variables ${JSON.stringify(status.variables)}`);
  const { inFlight, parent } = status;
  if (inFlight)
    console.log(
      `in flight ${inFlight.transition} ${JSON.stringify(inFlight.args)}, attempt ${inFlight.attempt}, since ${iso(inFlight.since)}`,
    );
  if (parent) console.log(`child of ${parent.workflow} of ${parent.target}`);
  console.log();
  const rows = history.map(({ at, intent, event, transition = '', attempt, state, message = '' }) => [
    iso(at),
    String(intent),
    event,
    transition,
    String(attempt),
    state ?? '',
    cut(message),
  ]);
  printTable(['AT', 'INTENT', 'EVENT', 'TRANSITION', 'ATTEMPT', 'STATE', 'MESSAGE'], rows, 'no history');
}

async function describe(workflow: string, options: Options): Promise<void> {
  const { diagram, publishedDefinition } = await import('../workflows/index.ts');
  const { format = 'mermaid', url } = options;
  if (format !== 'mermaid' && format !== 'dot')
    throw new UsageError(`--format ${format}: use mermaid or dot`);
  const version = versionOf(options);
  const drawn = await withDatabase(url, (db) => publishedDefinition(db, workflow, version));
  if (!drawn)
    throw new UsageError(
      `no program has written ${workflow}${version === undefined ? '' : `, version ${version},`} down: runLoop and publish do`,
    );
  process.stdout.write(diagram(drawn, format));
}

async function resolve(workflow: string, target: string, options: Options): Promise<void> {
  const { publishedDefinition, resolveWorkflow } = await import('../workflows/index.ts');
  const { retry, skip, force, cause, url } = options;
  const resolutions: Resolution[] = [
    ...(retry ? (['retry'] as const) : []),
    ...(skip ? (['skip'] as const) : []),
    ...(force === undefined ? [] : [{ force }]),
  ];
  const [resolution, other] = resolutions;
  if (!resolution || other) throw new UsageError('say one of --retry, --skip and --force STATE');
  await withDatabase(url, async (db) => {
    if (typeof resolution === 'object') {
      const known = await publishedDefinition(db, workflow);
      if (known && !known.states.includes(resolution.force))
        throw new UsageError(`--force ${resolution.force}: there are ${known.states.join(', ')}`);
    }
    await resolveWorkflow(db, workflow, target, resolution, cause!);
  });
  console.log(`resolved ${workflow} of ${target}`);
}

function cut(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ');
  return line.length > CELL ? `${line.slice(0, CELL - 3)}...` : line;
}
