import { DatabaseError, MigrationError } from '../base/index.ts';
import type { MigrationConnection } from './connection.ts';
import { alreadyDone, assertIdempotent } from './idempotence.ts';
import { lockLost, type MigrationLock } from './lock.ts';
import type { Script } from './migration-set.ts';
import type { Step } from './plan.ts';
import { contention, retryOn } from './retry.ts';
import { recordApplied, recordFailure, recordProgress, removeRecord } from './store.ts';

export interface ApplyContext {
  readonly connection: MigrationConnection;
  readonly lock: MigrationLock;
  readonly signal?: AbortSignal | undefined;
}

/** Longest wait for a table that others use; behind us in the queue, all of them wait too. */
const lockTimeoutMs = 5_000;

/**
 * Runs one migration: on PostgreSQL in one transaction with its record; on CockroachDB (where DDL is one
 * statement per transaction), and where the file asks for it, statement by statement with the progress
 * recorded, so that the next run goes on from there.
 */
export async function apply(context: ApplyContext, direction: 'up' | 'down', step: Step): Promise<void> {
  const isPartial = step.record !== undefined && step.record.finishedAt === undefined;
  const inOneTransaction =
    context.connection.engine === 'postgresql' && step.migration.transactional && !isPartial;
  if (inOneTransaction) await retryOn(contention, () => applyAtOnce(context, direction, step));
  else await applyStepwise(context, direction, step);
}

async function applyAtOnce(context: ApplyContext, direction: 'up' | 'down', step: Step): Promise<void> {
  const { connection, lock } = context;
  const { migration } = step;
  const script = scriptOf(step, direction);
  // DDL takes its locks as it goes; a snapshot of the start would only make the renewed lock row look
  // changed.
  await run(connection, 'BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    await run(connection, `SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    for (let index = 0; index < script.statements.length; index += 1) {
      context.signal?.throwIfAborted();
      lock.assertHeld();
      await runStatement(connection, script, index);
    }
    if (direction === 'up') await recordApplied(connection, migration);
    else await removeRecord(connection, migration, lock.holder);
    await lock.assertHeldAtCommit(connection);
    await run(connection, 'COMMIT');
  } catch (error) {
    await run(connection, 'ROLLBACK').catch(() => {});
    throw error;
  }
}

async function applyStepwise(context: ApplyContext, direction: 'up' | 'down', step: Step): Promise<void> {
  const { connection, lock } = context;
  const { migration, record } = step;
  const script = scriptOf(step, direction);
  assertIdempotent(script);
  const isResumed = record?.finishedAt === undefined && record?.direction === direction;
  const first = isResumed ? record.statementsDone : 0;
  // Taking back what was half applied, or the other way round: any statement may find its work done.
  const isTurned = record !== undefined && !isResumed && record.finishedAt === undefined;
  const advance = async (done: number) => {
    lock.assertHeld();
    if (!(await recordProgress(connection, migration, direction, done, lock.holder))) throw lockLost();
  };
  await advance(first);
  for (let index = first; index < script.statements.length; index += 1) {
    context.signal?.throwIfAborted();
    lock.assertHeld();
    const isInDoubt = isTurned || (isResumed && index === first && record.error === undefined);
    try {
      await retryOn(contention, () => runStatement(connection, script, index));
    } catch (error) {
      const code =
        error instanceof MigrationError && error.cause instanceof DatabaseError && error.cause.code;
      if (!(isInDoubt && code && alreadyDone.has(code))) {
        if (error instanceof MigrationError) {
          await recordFailure(connection, migration, error.message).catch(() => {});
        }
        throw error;
      }
    }
    await advance(index + 1);
  }
  if (direction === 'up') return;
  if (!(await retryOn(contention, () => removeRecord(connection, migration, lock.holder)))) throw lockLost();
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
