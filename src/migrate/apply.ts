import { DatabaseError, MigrationError } from '../base/index.ts';
import { assertIndexValid, builtIndex, dropInvalidIndex } from './built-index.ts';
import type { MigrationConnection, MigrationTarget } from './connection.ts';
import { alreadyDone, assertIdempotent } from './idempotence.ts';
import { lockLost, type MigrationLock } from './lock.ts';
import type { Script } from './migration-set.ts';
import type { Step } from './plan.ts';
import { contention, retryOn } from './retry.ts';
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
  const isPartial = step.record !== undefined && step.record.finishedAt === undefined;
  const inOneTransaction =
    context.books.engine === 'postgresql' && step.migration.transactional && !isPartial;
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
    for (let index = 0; index < script.statements.length; index += 1) {
      signal?.throwIfAborted();
      lock.assertHeld();
      await runStatement(connection, script, index);
    }
    // A file may have taken a role that must not see the bookkeeping.
    await run(connection, 'RESET SESSION AUTHORIZATION');
    await run(connection, 'RESET ROLE');
    if (direction === 'up') await recordApplied(connection, migration);
    else await removeRecord(connection, migration, lock.holder);
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
    if (index < first) {
      // What the statements that are done have set, the rest of them counts on.
      if (settles.test(script.statements[index]!.text)) await runStatement(connection, script, index);
      continue;
    }
    const isInDoubt = isTurned || (isResumed && index === first && record.error === undefined);
    try {
      await retryOn(contention, () => runWhole(connection, script, index));
    } catch (error) {
      const code =
        error instanceof MigrationError && error.cause instanceof DatabaseError && error.cause.code;
      if (!(isInDoubt && code && alreadyDone.has(code))) {
        if (error instanceof MigrationError) {
          await recordFailure(books, migration, error.message).catch(() => {});
        }
        throw error;
      }
    }
    await advance(index + 1);
  }
  if (direction === 'up') return;
  if (!(await retryOn(contention, () => removeRecord(books, migration, lock.holder)))) throw lockLost();
}

const settles = /^(SET|RESET)\b|^SELECT\s+(pg_catalog\.)?set_config\s*\(/i;

/** Runs a statement outside of a transaction; an index that it builds is valid then. */
async function runWhole(connection: MigrationConnection, script: Script, index: number): Promise<void> {
  const { text, line } = script.statements[index]!;
  const built = connection.engine === 'postgresql' ? builtIndex(text) : undefined;
  if (built !== undefined) await dropInvalidIndex(connection, built);
  await runStatement(connection, script, index);
  if (built !== undefined) await assertIndexValid(connection, built, `${script.file}:${line}`);
}

function scriptOf({ migration }: Step, direction: 'up' | 'down'): Script {
  return direction === 'up' ? migration.up : migration.down!;
}

async function runStatement(connection: MigrationConnection, script: Script, index: number): Promise<void> {
  const { text, line } = script.statements[index]!;
  try {
    await run(connection, text);
  } catch (error) {
    if (!(error instanceof DatabaseError) || contention.has(error.code)) throw error;
    throw new MigrationError(
      'statement-failed',
      `${script.file}:${line}: ${error.message} (SQLSTATE ${error.code})`,
      { cause: error },
    );
  }
}

async function run(connection: MigrationConnection, text: string): Promise<void> {
  await connection.execute({ text, values: [] });
}
