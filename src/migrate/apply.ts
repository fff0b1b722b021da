import { DatabaseError, MigrationError } from '../base/index.ts';
import { concurrentIndex } from './concurrent-index.ts';
import type { MigrationConnection, MigrationTarget } from './connection.ts';
import { assertIdempotent, mayBeDone, wasDone } from './idempotence.ts';
import { lockLost, type MigrationLock } from './lock.ts';
import type { Step } from './plan.ts';
import { contention, retryOn, sqlState } from './retry.ts';
import type { Script } from './script.ts';
import { recordApplied, recordFailure, recordProgress, removeRecord } from './store.ts';

export interface ApplyContext {
  readonly target: MigrationTarget;
  /** For the bookkeeping of files that are not one transaction: whatever they set, it does not concern it. */
  readonly books: MigrationConnection;
  readonly lock: MigrationLock;
  readonly signal?: AbortSignal | undefined;
}

/** Longest wait for a table that others use; behind us in the queue, all of them wait too. */
const lockTimeoutMs = 5_000;

/**
 * Runs one migration, on a connection of its own, so that nothing that it sets reaches the next one. On PostgreSQL in
 * one transaction with its record; on CockroachDB (where DDL is one statement per transaction), and where the file
 * asks for it, statement by statement with the progress recorded, so that the next run goes on from there.
 */
export async function apply(context: ApplyContext, direction: 'up' | 'down', step: Step): Promise<void> {
  const { migration, record } = step;
  const isPartial = record !== undefined && record.finishedAt === undefined;
  const isOutside = migration.up.isOutsideTransaction || scriptOf(step, direction).isOutsideTransaction;
  const inOneTransaction = context.books.engine === 'postgresql' && !isOutside && !isPartial;
  const connection = await context.target.open();
  try {
    if (inOneTransaction) await retryOn(contention, () => applyAtOnce(context, connection, direction, step));
    else await applyStepwise(context, connection, direction, step);
  } finally {
    await connection.close().catch(() => {});
  }
}

async function applyAtOnce(
  { lock, signal }: ApplyContext,
  connection: MigrationConnection,
  direction: 'up' | 'down',
  step: Step,
): Promise<void> {
  const { migration } = step;
  const script = scriptOf(step, direction);
  // DDL takes its locks as it goes; a snapshot of the start would only make the renewed lock row look
  // changed.
  await run(connection, 'BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    await run(connection, `SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    for (const { text, line } of script.statements) {
      signal?.throwIfAborted();
      lock.assertHeld();
      await runStatement(connection, text, `${script.file}:${line}`);
    }
    // As the file has set things; what is deferred would fail at the commit, where nobody knows whose it is.
    await runStatement(connection, 'SET CONSTRAINTS ALL IMMEDIATE', script.file);
    // Whatever it has set concerns neither the record nor who gets this connection from a pooler.
    for (const text of ['RESET SESSION AUTHORIZATION', 'RESET ROLE', 'RESET ALL'])
      await runStatement(connection, text, script.file);
    try {
      if (direction === 'up') await recordApplied(connection, migration);
      else await removeRecord(connection, migration, lock.holder);
    } catch (error) {
      throw failed(error, script.file);
    }
    await lock.assertHeldAtCommit(connection);
    await run(connection, 'COMMIT');
  } catch (error) {
    await run(connection, 'ROLLBACK').catch(() => {});
    throw error;
  }
}

async function applyStepwise(
  { books, lock, signal }: ApplyContext,
  connection: MigrationConnection,
  direction: 'up' | 'down',
  step: Step,
): Promise<void> {
  const { migration, record } = step;
  const script = scriptOf(step, direction);
  assertIdempotent(script);
  const isResumed = record?.finishedAt === undefined && record?.direction === direction;
  const first = isResumed ? record.statementsDone : 0;
  // Taking back what was half applied, or the other way round: any statement may find its work done.
  const isTurned = record !== undefined && !isResumed && record.finishedAt === undefined;
  const advance = async (done: number) => {
    lock.assertHeld();
    if (!(await recordProgress(books, migration, direction, done, lock.holder))) throw lockLost();
  };
  await advance(first);
  for (let index = 0; index < script.statements.length; index += 1) {
    signal?.throwIfAborted();
    lock.assertHeld();
    const { text, line } = script.statements[index]!;
    const place = `${script.file}:${line}`;
    if (index < first) {
      // What the statements that are done have set, the rest of them counts on.
      if (settles.test(text)) await runStatement(connection, text, place);
      continue;
    }
    const isInDoubt = isResumed && index === first && record.error === undefined;
    try {
      await retryOn(contention, () => runWhole(connection, text, place));
    } catch (error) {
      const code = sqlState(error) ?? '';
      if (!(isTurned && mayBeDone(code)) && !(isInDoubt && wasDone(text, code))) {
        if (error instanceof MigrationError && !isUnknown.has(code))
          await recordFailure(books, migration, error.message).catch(() => {});
        throw error;
      }
    }
    await advance(index + 1);
  }
  if (direction === 'up') return;
  if (!(await retryOn(contention, () => removeRecord(books, migration, lock.holder)))) throw lockLost();
}

/** CockroachDB: statement completion unknown, and a schema change that failed in part. */
const isUnknown: ReadonlySet<string> = new Set(['40003', 'XXA00']);

const settles = /^(SET|RESET)\b|^SELECT\s+(pg_catalog\.)?set_config\s*\(/i;

/** Runs a statement outside of a transaction; an index that it builds is valid then. */
async function runWhole(connection: MigrationConnection, text: string, place: string): Promise<void> {
  const index = connection.engine === 'postgresql' ? concurrentIndex(text) : undefined;
  const say = index && 'what this left invalid is built anew by the next run';
  await index?.prepare(connection).catch((error) => {
    throw failed(error, place, say);
  });
  await runStatement(connection, text, place, say);
  await index?.verify(connection, place);
}

function scriptOf({ migration }: Step, direction: 'up' | 'down'): Script {
  return direction === 'up' ? migration.up : migration.down!;
}

/** What the server refuses inside of a transaction: ACTIVE SQL TRANSACTION, UNSAFE NEW ENUM VALUE USAGE. */
const wantNoTransaction: ReadonlySet<string> = new Set(['25001', '55P04']);

async function runStatement(
  connection: MigrationConnection,
  text: string,
  place: string,
  say?: string,
): Promise<void> {
  try {
    await run(connection, text);
  } catch (error) {
    throw failed(error, place, say);
  }
}

/** The error with the place of its statement; what is none of the server's stays as it is. */
function failed(error: unknown, place: string, say?: string): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const advice = wantNoTransaction.has(error.code)
    ? 'put -- holdfast: no-transaction at the head of the file'
    : (say ?? error.hint);
  return new MigrationError(
    'statement-failed',
    `${place}: ${error.message} (SQLSTATE ${error.code})${advice ? `: ${advice}` : ''}`,
    { cause: error },
  );
}

async function run(connection: MigrationConnection, text: string): Promise<void> {
  await connection.execute({ text, values: [] });
}
