import type { Engine } from '../database/index.ts';
import type { TransactOptions } from './options.ts';

const TRANSACTION_GRACE_MS = 5_000;

/** What opens an attempt besides the caller's options. */
export interface BeginSettings {
  /** Until the deadline. */
  readonly remainingMs?: number | undefined;
  readonly restartSavepoint: boolean;
  /** The server ends a transaction that waits so long for its next statement. */
  readonly idleTimeoutMs?: number | undefined;
}

/**
 * The text that opens an attempt, one simple-protocol message. Every option in it is from a closed list or
 * was validated, since BEGIN takes no placeholders.
 */
export function beginText(
  engine: Engine,
  options: TransactOptions,
  { remainingMs, restartSavepoint, idleTimeoutMs }: BeginSettings,
): string {
  const cockroach = engine.system === 'cockroachdb';
  const modes = [
    `ISOLATION LEVEL ${(options.isolation ?? 'serializable').toUpperCase()}`,
    ...(options.readOnly || options.asOf ? ['READ ONLY'] : []),
    ...(cockroach && options.priority ? [`PRIORITY ${options.priority.toUpperCase()}`] : []),
    ...(cockroach && options.asOf
      ? [
          `AS OF SYSTEM TIME ${options.asOf === 'follower' ? 'follower_read_timestamp()' : `'${options.asOf}'`}`,
        ]
      : []),
  ];
  // Not "cockroach_restart; SET LOCAL": the restart savepoint must be the first statement.
  const text = [`BEGIN ${modes.join(cockroach ? ', ' : ' ')}`];
  if (restartSavepoint) text.push('SAVEPOINT cockroach_restart');
  if (remainingMs !== undefined) {
    const timeoutMs = Math.max(1, Math.ceil(remainingMs));
    text.push(`SET LOCAL statement_timeout = ${timeoutMs}`);
    // Ends the connection there, so it comes after whatever we do ourselves.
    if (engine.capabilities.transactionTimeout)
      text.push(`SET LOCAL transaction_timeout = ${timeoutMs + TRANSACTION_GRACE_MS}`);
  }
  // A process that was stopped in the middle of a transaction must not keep its row locks from its successor.
  if (idleTimeoutMs !== undefined)
    text.push(`SET LOCAL idle_in_transaction_session_timeout = ${idleTimeoutMs}`);
  return text.join('; ');
}

/** CockroachDB renews a transaction in place by its restart savepoint, but not a stale read. */
export function usesRestartSavepoint(engine: Engine, options: TransactOptions): boolean {
  return engine.capabilities.restartSavepoint && !options.asOf;
}

/**
 * Whether the fence is checked again by a row lock in the flight of the COMMIT. CockroachDB's SERIALIZABLE
 * needs no lock: a fence whose row was deleted since it was read fails the commit.
 */
export function needsSeal(engine: Engine, options: TransactOptions): boolean {
  return engine.capabilities.lockDetectsDelete || options.isolation === 'read committed';
}
