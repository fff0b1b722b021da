import type { Command } from 'commander';
import type { Database } from '../../index.ts';
import { UsageError } from './usage-error.ts';

/** Adds `--url` to a command. */
export function addUrlOption(command: Command): Command {
  return command.option(
    '--url <url>',
    'postgresql://user@host:port/database (else HOLDFAST_DATABASE_URL, else DATABASE_URL)',
  );
}

/** The URL of the option or the environment. Prefer the environment for one with a password. */
export function databaseUrl(option: string | undefined): string {
  const url = option || process.env['HOLDFAST_DATABASE_URL'] || process.env['DATABASE_URL'];
  if (!url) throw new UsageError('which database? pass --url, or set HOLDFAST_DATABASE_URL or DATABASE_URL');
  return url;
}

/** Connects, does it, and closes. `connections`: at most so many at once. */
export async function withDatabase<T>(
  option: string | undefined,
  act: (db: Database) => Promise<T>,
  { connections = 1 } = {},
): Promise<T> {
  const url = databaseUrl(option);
  const { connect } = await import('../../index.ts');
  await using db = await connect({ url, pool: { max: connections } });
  return await act(db);
}
