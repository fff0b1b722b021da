import { SchemaVersionError } from '../base/index.ts';
import type { Executor } from '../query/index.ts';
import { label, type MigrationSet, readMigrationSet } from './migration-set.ts';
import { check, checkSchemaOptions } from './options.ts';
import { isApplied, recordsOf } from './plan.ts';
import { readRecords } from './store.ts';

const read = new Map<string, Promise<MigrationSet>>();

/**
 * Checks that the database has the schema that this release was made for. One read by a small table.
 *
 * @throws MisuseError
 * @throws SchemaVersionError saying which command mends it.
 */
export async function checkSchema(
  executor: Executor,
  options: { readonly set?: string | undefined } = {},
): Promise<void> {
  const { set: name = 'holdfast' } = check(checkSchemaOptions, options);
  const set = await memoized(name);
  const records = recordsOf(set, (await readRecords(executor)) ?? []);
  const command = `holdfast migrate up${name === 'holdfast' ? '' : ` --set ${name}`}`;
  if (records.length === 0) {
    throw new SchemaVersionError('unmigrated', `the database has no schema ${set.name}: run ${command}`);
  }
  const newest = set.migrations.at(-1)?.number ?? 0;
  const ahead = records.find(({ number }) => number > newest);
  if (ahead !== undefined) {
    throw new SchemaVersionError(
      'ahead',
      `the schema ${set.name} is at ${label(ahead)}, newer than this release: run a newer release`,
    );
  }
  const missing = set.migrations.find(({ number }) => !isApplied(records, number));
  if (missing !== undefined) {
    throw new SchemaVersionError(
      'behind',
      `the schema ${set.name} lacks ${label(missing)}, which this release needs: run ${command}`,
    );
  }
}

/** The files of a release do not change while it runs. */
function memoized(name: string): Promise<MigrationSet> {
  const found = read.get(name) ?? readMigrationSet(name);
  read.set(name, found);
  return found;
}
