import { DatabaseError } from '../base/index.ts';
import type { Executor, RawResult } from '../query/index.ts';
import type { Migration } from './migration-set.ts';
import { contention, retryOn } from './retry.ts';

// The bookkeeping. Its statements run before any schema is there and against schemas of any age, so they
// are not among the compiled queries. All go by primary key; each is a transaction of its own unless the
// caller has begun one.

/** What the database knows of one migration. */
export interface MigrationRecord {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  readonly direction: 'up' | 'down';
  /** Of the statements done. */
  readonly checksum: string;
  readonly statementsDone: number;
  /** By which a file that is all applied is known without being split; undefined when it is not, or of an old release. */
  readonly proof: string | undefined;
  readonly startedAt: string;
  /** Undefined while under way, or interrupted. */
  readonly finishedAt: string | undefined;
  /** What the server said when it refused the next statement; undefined when it is in doubt or not tried. */
  readonly error: string | undefined;
}

const creation = [
  'CREATE SCHEMA IF NOT EXISTS holdfast',
  `CREATE TABLE IF NOT EXISTS holdfast.migration (
    set_name TEXT NOT NULL,
    number INT8 NOT NULL,
    name TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('up', 'down')),
    checksum TEXT NOT NULL,
    statements_done INT8 NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at TIMESTAMPTZ,
    error TEXT,
    proof TEXT,
    PRIMARY KEY (set_name, number)
  )`,
  `CREATE TABLE IF NOT EXISTS holdfast.migration_lock (
    lock_name TEXT NOT NULL PRIMARY KEY,
    holder UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
  )`,
];

// IF NOT EXISTS does not keep two sessions of PostgreSQL from making the same thing at once.
const creationRaces = new Set([...contention, '23505', '42701', '42P06', '42P07', '42710', 'XX000']);

const missing = new Set(['42P01', '3F000']);
const missingColumn = '42703';

export async function createBookkeeping(executor: Executor): Promise<void> {
  for (const text of creation) await createOnce(executor, text);
  // Databases of the releases before have a table without it.
  await executor
    .execute({ text: 'SELECT proof FROM holdfast.migration LIMIT 0', values: [] })
    .catch((error) => {
      if (!(error instanceof DatabaseError && error.code === missingColumn)) throw error;
      return createOnce(executor, 'ALTER TABLE holdfast.migration ADD COLUMN IF NOT EXISTS proof TEXT');
    });
}

export function createSchema(executor: Executor, schema: string): Promise<void> {
  return createOnce(executor, `CREATE SCHEMA IF NOT EXISTS ${schema}`);
}

async function createOnce(executor: Executor, text: string): Promise<void> {
  await retryOn(creationRaces, () => executor.execute({ text, values: [] }));
}

/** All records, or undefined when the database has no bookkeeping. */
export async function readRecords(executor: Executor): Promise<readonly MigrationRecord[] | undefined> {
  const read = (proof: string) =>
    retryOn(contention, () =>
      executor.execute({
        text: `SELECT set_name, number, name, direction, checksum, statements_done, started_at, finished_at, error, ${proof}
          FROM holdfast.migration ORDER BY set_name, number`,
        values: [],
      }),
    );
  try {
    const { rows } = await read('proof').catch((error) => {
      if (!(error instanceof DatabaseError && error.code === missingColumn)) throw error;
      return read('NULL');
    });
    return rows.map(toRecord);
  } catch (error) {
    if (error instanceof DatabaseError && missing.has(error.code)) return undefined;
    throw error;
  }
}

function toRecord(row: RawResult['rows'][number]): MigrationRecord {
  const [set, number, name, direction, sum, done, startedAt, finishedAt, error, proof] = row;
  return {
    set: set!,
    number: Number(number),
    name: name!,
    direction: direction === 'down' ? 'down' : 'up',
    checksum: sum!,
    statementsDone: Number(done),
    startedAt: startedAt!,
    finishedAt: finishedAt ?? undefined,
    error: error ?? undefined,
    proof: proof ?? undefined,
  };
}

/** Inside the migration's own transaction: it is applied. */
export async function recordApplied(executor: Executor, migration: Migration): Promise<void> {
  const checksum = migration.up.checksum()!;
  await executor.execute({
    text: `INSERT INTO holdfast.migration
        (set_name, number, name, direction, checksum, statements_done, proof, finished_at)
      VALUES ($1, $2, $3, 'up', $4, $5, $6, clock_timestamp())`,
    values: [
      migration.set,
      String(migration.number),
      migration.name,
      checksum,
      String(migration.up.statements.length),
      migration.up.proof(checksum),
    ],
  });
}

/** Nothing is left of it. False when `holder` has lost the lock; then nothing is changed. */
export async function removeRecord(
  executor: Executor,
  { set, number }: Migration,
  holder: string,
): Promise<boolean> {
  const { rows } = await executor.execute({
    text: `DELETE FROM holdfast.migration WHERE set_name = $1 AND number = $2 AND ${isHeldBy('$3')}
      RETURNING number`,
    values: [set, String(number), holder],
  });
  return rows.length === 1;
}

/**
 * Starts, restarts or takes up a migration that runs statement by statement. False when `holder` has lost the
 * lock; then nothing is changed.
 */
export async function recordProgress(
  executor: Executor,
  migration: Migration,
  direction: 'up' | 'down',
  done: number,
  holder: string,
): Promise<boolean> {
  const script = direction === 'up' ? migration.up : migration.down!;
  const isApplied = direction === 'up' && done === script.statements.length;
  const checksum = script.checksum(done)!;
  const { rows } = await retryOn(contention, () =>
    executor.execute({
      text: `INSERT INTO holdfast.migration
          (set_name, number, name, direction, checksum, statements_done, proof, finished_at)
        SELECT $1::TEXT, $2::INT8, $3::TEXT, $4::TEXT, $5::TEXT, $6::INT8, $7::TEXT,
          CASE WHEN $8::BOOL THEN clock_timestamp() END
        WHERE ${isHeldBy('$9')}
        ON CONFLICT (set_name, number) DO UPDATE SET
          name = excluded.name,
          direction = excluded.direction,
          checksum = excluded.checksum,
          statements_done = excluded.statements_done,
          proof = excluded.proof,
          finished_at = excluded.finished_at,
          error = NULL
        RETURNING number`,
      values: [
        migration.set,
        String(migration.number),
        migration.name,
        direction,
        checksum,
        String(done),
        isApplied ? script.proof(checksum) : null,
        String(isApplied),
        holder,
      ],
    }),
  );
  return rows.length === 1;
}

function isHeldBy(parameter: string): string {
  return `EXISTS (SELECT 1 FROM holdfast.migration_lock WHERE lock_name = 'migrate' AND holder = ${parameter}::UUID)`;
}

/** The server refused the next statement, so it is known not to have taken effect. */
export async function recordFailure(executor: Executor, migration: Migration, error: string): Promise<void> {
  await executor.execute({
    text: 'UPDATE holdfast.migration SET error = $3 WHERE set_name = $1 AND number = $2',
    values: [migration.set, String(migration.number), error],
  });
}
