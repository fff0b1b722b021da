import type { Command } from 'commander';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { iso, printTable } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Options {
  readonly url?: string;
  readonly kind?: string;
  readonly cause?: string;
}

/** `holdfast work list|quarantined|release|pause|resume` */
export function register(program: Command): void {
  const work = program.command('work').description('see what is held or quarantined, and make it move');
  addUrlOption(work.command('list'))
    .description('work that live sessions hold, and kinds that are paused')
    .option('--kind <kind>', 'of this kind alone')
    .action(list);
  addUrlOption(work.command('quarantined'))
    .description('targets that no claim takes until they are released, with the cause')
    .option('--kind <kind>', 'of this kind alone')
    .action(quarantined);
  addUrlOption(work.command('release <kind> <target>'))
    .description('let a target be tried again: forgets its failures and its backoff')
    .requiredOption('--cause <text>', 'why; stays in the history')
    .action(release);
  addUrlOption(work.command('pause <kind>'))
    .description('claim nothing of this kind from now on; what is held goes on')
    .requiredOption('--cause <text>', 'why; stays in the history')
    .action(pause);
  addUrlOption(work.command('resume <kind>'))
    .description('claim work of this kind again')
    .requiredOption('--cause <text>', 'why; stays in the history')
    .action(resume);
}

async function list({ url, kind }: Options): Promise<void> {
  const { activeWork, listKinds } = await import('../index.ts');
  const [held, kinds] = await withDatabase(
    url,
    async (db) => [await activeWork(db), await listKinds(db)] as const,
  );
  const isMeant = (one: { readonly kind: string }) => kind === undefined || one.kind === kind;
  const rows = held
    .filter(isMeant)
    .map((work) => [work.kind, work.target, work.token.toString(), work.sessionId, iso(work.startedAt)]);
  printTable(['KIND', 'TARGET', 'TOKEN', 'SESSION', 'SINCE'], rows, 'nothing is held');
  for (const one of kinds.filter(isMeant))
    if (one.pausedAt) console.log(`${one.kind} is paused since ${iso(one.pausedAt)}: ${one.pausedCause}`);
}

async function quarantined({ url, kind }: Options): Promise<void> {
  const { quarantinedWork } = await import('../index.ts');
  const found = await withDatabase(url, (db) => quarantinedWork(db));
  const rows = found
    .filter((work) => kind === undefined || work.kind === kind)
    .map((work) => [work.kind, work.target, work.failures.toString(), iso(work.startedAt), work.cause ?? '']);
  printTable(['KIND', 'TARGET', 'FAILURES', 'LAST BEGUN', 'CAUSE'], rows, 'nothing is quarantined');
}

async function release(kind: string, target: string, { url, cause }: Options): Promise<void> {
  const released = await withDatabase(url, (db) => db.kinds.release(kind, target, cause!));
  if (!released)
    throw new UsageError(`${kind} of ${target} has nothing to be released from, or a live session holds it`);
  console.log(`released ${kind} of ${target}`);
}

async function pause(kind: string, { url, cause }: Options): Promise<void> {
  const paused = await withDatabase(url, (db) => db.kinds.pause(kind, cause!));
  console.log(paused ? `paused ${kind}` : `${kind} was paused already`);
}

async function resume(kind: string, { url, cause }: Options): Promise<void> {
  const resumed = await withDatabase(url, (db) => db.kinds.resume(kind, cause!));
  console.log(resumed ? `resumed ${kind}` : `${kind} was not paused`);
}
