import type { Command } from 'commander';
import { addUrlOption, databaseUrl } from './support/database-url.ts';
import { allFaces } from './support/faces.ts';
import { wholeNumber } from './support/numbers.ts';
import { UsageError } from './support/usage-error.ts';

interface UpOptions {
  readonly url?: string;
  readonly set?: readonly string[];
  readonly to?: number;
}

interface GrantOptions {
  readonly url?: string;
  readonly face?: readonly string[];
  readonly print?: true;
  readonly worker?: readonly string[];
  readonly janitor?: readonly string[];
  readonly operator?: readonly string[];
  readonly client?: readonly string[];
  readonly server?: readonly string[];
  readonly reader?: readonly string[];
}

interface DownOptions {
  readonly url?: string;
  readonly set: string;
  readonly to: number;
  readonly allowDestructive?: true;
}

const WORK = 'work';
const FACES = 'operations, commands, workflows, repositories';
const setHelp = 'holdfast, or a folder of NNNN_name.up.sql and .down.sql; may be repeated';

/** `holdfast migrate up|grant|down|status` */
export function register(program: Command): void {
  const migrate = program
    .command('migrate')
    .description('bring the schema up to this release, take it back, or tell what is applied');

  addUrlOption(migrate.command('up'))
    .description('apply what is pending; safe to run from many places at once')
    .option('--set <name...>', setHelp)
    .option('--to <number>', 'stop after this number', wholeNumber(0))
    .action(up);

  addUrlOption(migrate.command('grant'))
    .description('give users of the database what their roles need, and no more; behind every up')
    .option('--worker <user...>', 'programs with sessions and control loops')
    .option('--janitor <user...>', 'what calls runJanitor')
    .option('--operator <user...>', 'people who pause, release, run again and cancel')
    .option('--client <user...>', 'programs that ask for work and have no session')
    .option('--server <user...>', 'holdfast repo serve')
    .option('--reader <user...>', 'dashboards, explain, history, the console without actions')
    .option('--face <name...>', `whose tables are used: ${WORK}, and ${FACES} (default: all)`)
    .option('--print', 'write the statements, and ask no database')
    .action(grant);

  addUrlOption(migrate.command('down'))
    .description('take migrations back, and the data in their tables with them')
    .requiredOption('--to <number>', 'the newest number that stays; 0 takes all back', wholeNumber(0))
    .option('--set <name>', 'holdfast, or a folder', 'holdfast')
    .option('--allow-destructive', 'yes, delete the data')
    .action(down);

  addUrlOption(migrate.command('status'))
    .description('tell what is applied, pending, interrupted, or newer than this release')
    .option('--set <name...>', setHelp)
    .action(status);
}

async function up({ url, set, to }: UpOptions): Promise<void> {
  const { migrate } = await import('../migrate/index.ts');
  const events = await migrate(databaseUrl(url), { sets: set, to, onApplied: sayApplied });
  if (events.length === 0) console.log('nothing to do: the schema is up to date');
}

async function grant({ url, face, print, ...users }: GrantOptions): Promise<void> {
  const [{ grantStatements }, faces] = await Promise.all([import('../index.ts'), allFaces()]);
  const names = [WORK, ...faces.map(({ name }) => name)];
  const unknown = face?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`--face: ${unknown} is none of ${names.join(', ')}`);
  const { worker, janitor, operator, client, server, reader } = users;
  const statements = grantStatements({
    ...{ worker, janitor, operator, client, server, reader },
    faces: faces.filter(({ name }) => face === undefined || face.includes(name)),
  });
  if (statements.length === 0)
    throw new UsageError(
      'grant to whom? name users by --worker, --janitor, --operator, --client, --server or --reader',
    );
  if (print) return console.log(statements.map((one) => `${one};`).join('\n'));
  const migrations = await import('../migrate/index.ts');
  await migrations.grant(databaseUrl(url), statements);
  console.log(`granted by ${statements.length} statements; --print shows them`);
}

async function down({ url, set, to, allowDestructive }: DownOptions): Promise<void> {
  if (allowDestructive !== true) {
    throw new UsageError('taking migrations back deletes data: add --allow-destructive if you mean it');
  }
  const { migrateDown } = await import('../migrate/index.ts');
  const options = { set, to, allowDestructive, onApplied: sayApplied };
  const events = await migrateDown(databaseUrl(url), options);
  if (events.length === 0) console.log('nothing to do: no migration after that number is applied');
}

async function status({ url, set }: UpOptions): Promise<void> {
  const { migrationStatus } = await import('../migrate/index.ts');
  const { migrations, refusal } = await migrationStatus(databaseUrl(url), { sets: set });
  for (const { set: owner, number, name, state, appliedAt, note } of migrations) {
    const label = `${owner} ${String(number).padStart(4, '0')}_${name}`;
    console.log(`${label.padEnd(40)} ${state.padEnd(11)} ${note ?? appliedAt ?? ''}`.trimEnd());
  }
  if (refusal !== undefined) throw refusal;
}

function sayApplied(event: { set: string; number: number; name: string; direction: string }): void {
  const verb = event.direction === 'up' ? 'applied' : 'took back';
  console.log(`${verb} ${event.set} ${String(event.number).padStart(4, '0')}_${event.name}`);
}
