import type { MigrationPlace } from './connection.ts';
import { readMigrationSet } from './migration-set.ts';
import { check, statusSchema, toTarget } from './options.ts';
import { planUp, recordsOf } from './plan.ts';
import { readRecords } from './store.ts';

/**
 * - `applied`, `pending`
 * - `interrupted`: some statements are done; the next run of the same direction goes on
 * - `unknown`: applied by a newer release than this one
 */
export type MigrationState = 'applied' | 'pending' | 'interrupted' | 'unknown';

export interface MigrationStatus {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  readonly state: MigrationState;
  /** ISO 8601, UTC. */
  readonly appliedAt?: string | undefined;
  /** For `interrupted`: how far it came and what the server said, if it refused a statement. */
  readonly note?: string | undefined;
}

export interface StatusReport {
  readonly migrations: readonly MigrationStatus[];
  /** Why `up` would refuse to run; undefined when it would run, or has nothing to do. */
  readonly refusal: Error | undefined;
}

/** What is applied and what is not, without changing anything. Throws as `migrate` does. */
export async function migrationStatus(
  place: MigrationPlace,
  options: { readonly sets?: readonly string[] | undefined } = {},
): Promise<StatusReport> {
  const { sets: names } = check(statusSchema, options);
  const sets = await Promise.all(names.map(readMigrationSet));
  const connection = await toTarget(place).open();
  const records = await readRecords(connection).finally(() => connection.close().catch(() => {}));
  let refusal: Error | undefined;
  const migrations: MigrationStatus[] = [];
  for (const set of sets) {
    const ours = recordsOf(set, records ?? []);
    try {
      planUp(set, ours);
    } catch (error) {
      refusal ??= error as Error;
    }
    const known = new Map(set.migrations.map((migration) => [migration.number, migration.name]));
    const applied = new Map(ours.map((record) => [record.number, record]));
    const numbers = [...new Set([...known.keys(), ...applied.keys()])].sort((a, b) => a - b);
    for (const number of numbers) {
      const record = applied.get(number);
      const base = { set: set.name, number, name: known.get(number) ?? record?.name ?? '' };
      if (record === undefined) migrations.push({ ...base, state: 'pending' });
      else if (record.finishedAt === undefined) {
        const said = record.error === undefined ? '' : `: ${record.error}`;
        const note = `${record.direction}, ${record.statementsDone} statements done${said}`;
        migrations.push({ ...base, state: 'interrupted', note });
      } else {
        const state = known.has(number) ? 'applied' : 'unknown';
        migrations.push({ ...base, state, appliedAt: new Date(record.finishedAt).toISOString() });
      }
    }
  }
  return { migrations, refusal };
}
