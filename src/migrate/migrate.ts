import { invalidOption } from '../base/index.ts';
import { apply } from './apply.ts';
import type { MigrationConnection, MigrationPlace, MigrationTarget } from './connection.ts';
import { MigrationLock } from './lock.ts';
import { type MigrationSet, readMigrationSet } from './migration-set.ts';
import {
  check,
  type MigrateDownOptions,
  type MigrateOptions,
  type MigrationEvent,
  migrateDownSchema,
  migrateSchema,
  toTarget,
} from './options.ts';
import { planDown, planUp, type Step } from './plan.ts';
import { createBookkeeping, createSchema, type MigrationRecord, readRecords } from './store.ts';

/**
 * Brings the database to the newest schema of the sets, or to `to`. Any number of processes may call it at
 * once: one does the work, the others wait for it. It may be stopped at any point and called again. A schema
 * that is up to date costs one read.
 *
 * @param place URL of the database, a `Database`, or where to get connections.
 * @returns what was applied by this call.
 * @throws MisuseError, ConnectError
 * @throws SchemaVersionError `ahead` when the schema is newer than this release.
 * @throws MigrationError for a file or a statement that cannot be used.
 */
export async function migrate(
  place: MigrationPlace,
  options: MigrateOptions = {},
): Promise<readonly MigrationEvent[]> {
  const { sets: names, to, ...rest } = check(migrateSchema, options);
  const sets = await Promise.all(names.map(readMigrationSet));
  const twice = sets.find(({ name }, index) => sets.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) throw invalidOption('sets', `two sets are called ${twice.name}: each name once`);
  return runPlan(toTarget(place), 'up', sets, rest, (records) =>
    sets.flatMap((set) => planUp(set, records, to)),
  );
}

/**
 * Takes migrations back, the newest first, and with them what is in their tables.
 *
 * @returns what was taken back by this call.
 * @throws as `migrate` does.
 */
export async function migrateDown(
  place: MigrationPlace,
  options: MigrateDownOptions,
): Promise<readonly MigrationEvent[]> {
  const { set: name, to, allowDestructive: _said, ...rest } = check(migrateDownSchema, options);
  const set = await readMigrationSet(name);
  return runPlan(toTarget(place), 'down', [set], rest, (records) => planDown(set, records, to));
}

interface RunOptions {
  readonly lockWaitMs: number;
  readonly leaseMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onApplied?: ((event: MigrationEvent) => void) | undefined;
}

async function runPlan(
  target: MigrationTarget,
  direction: 'up' | 'down',
  sets: readonly MigrationSet[],
  options: RunOptions,
  plan: (records: readonly MigrationRecord[]) => readonly Step[],
): Promise<readonly MigrationEvent[]> {
  const connection = await target.open();
  try {
    const isDone = async () => plan((await readRecords(connection)) ?? []).length === 0;
    if (await isDone()) return [];
    await createBookkeeping(connection);
    const lock = await MigrationLock.acquire(target, {
      leaseMs: options.leaseMs,
      waitMs: options.lockWaitMs,
      signal: options.signal,
      isDone,
    });
    if (lock === undefined) return [];
    await using _held = lock;
    // Planned again: between the first look and the lock, others may have been at work.
    const steps = plan((await readRecords(connection)) ?? []);
    await createSchemas(connection, sets, steps);
    const events: MigrationEvent[] = [];
    for (const step of steps) {
      const startedAt = performance.now();
      await apply({ target, books: connection, lock, signal: options.signal }, direction, step);
      const { set, number, name } = step.migration;
      const event = { set, number, name, direction, elapsedMs: performance.now() - startedAt };
      events.push(event);
      options.onApplied?.(event);
    }
    return events;
  } finally {
    await connection.close().catch(() => {});
  }
}

async function createSchemas(
  connection: MigrationConnection,
  sets: readonly MigrationSet[],
  steps: readonly Step[],
): Promise<void> {
  for (const { name, schema } of sets) {
    const isUsed = steps.some(({ migration }) => migration.set === name);
    if (schema !== undefined && isUsed) await createSchema(connection, schema);
  }
}
