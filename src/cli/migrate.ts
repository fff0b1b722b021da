import type { Command } from 'commander';
import { addUrlOption, databaseUrl } from './support/database-url.ts';
import { wholeNumber } from './support/numbers.ts';
import { UsageError } from './support/usage-error.ts';

interface UpOptions {
  readonly url?: string;
  readonly set?: readonly string[];
  readonly to?: number;
}

interface DownOptions {
  readonly url?: string;
  readonly set: string;
  readonly to: number;
  readonly allowDestructive?: true;
}

const setHelp = 'holdfast, or a folder of NNNN_name.up.sql and .down.sql; may be repeated';

/** `holdfast migrate up|down|status` */
export function register(program: Command): void {
  const migrate = program
    .command('migrate')
    .description('bring the schema up to this release, take it back, or tell what is applied');

  addUrlOption(migrate.command('up'))
    .description('apply what is pending; safe to run from many places at once')
    .option('--set <name...>', setHelp)
    .option('--to <number>', 'stop after this number', wholeNumber(0))
    .action(up);

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
