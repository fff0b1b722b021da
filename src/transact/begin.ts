import { LONGEST_TIMER_MS } from '../base/index.ts';
import type { Engine } from '../database/index.ts';
import type { TransactOptions } from './options.ts';

const TRANSACTION_GRACE_MS = 5_000;

/** The server's own limits of an attempt. */
export interface AttemptLimits {
  /** Until the deadline. */
  readonly remainingMs?: number | undefined;
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
  { restartSavepoint, ...limits }: AttemptLimits & { readonly restartSavepoint: boolean },
): string {
  const cockroach = engine.system === 'cockroachdb';
  const modes = [
    `ISOLATION LEVEL ${isolationOf(engine, options).toUpperCase()}`,
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
  return [...text, ...limitTexts(engine, limits)].join('; ');
}

/** CockroachDB has no snapshot isolation; SERIALIZABLE is stricter. */
const isolationOf = ({ system }: Engine, { isolation = 'serializable' }: TransactOptions) =>
  system === 'cockroachdb' && isolation === 'repeatable read' ? 'serializable' : isolation;

/**
 * The text that renews an attempt after ROLLBACK TO SAVEPOINT cockroach_restart, which also undid what SET LOCAL had
 * set since the savepoint. Undefined when there is nothing to set.
 */
export function renewText(engine: Engine, limits: AttemptLimits): string | undefined {
  return limitTexts(engine, limits).join('; ') || undefined;
}

function limitTexts(engine: Engine, { remainingMs, idleTimeoutMs }: AttemptLimits): string[] {
  const { limits, capabilities } = engine;
  const texts: string[] = [];
  // Only lowered: what an administrator has set stays the most.
  const lower = (name: string, ms: number, given = Infinity) => {
    if (ms < given) texts.push(`SET LOCAL ${name} = ${ms}`);
  };
  if (remainingMs !== undefined) {
    const timeoutMs = Math.min(Math.max(1, Math.ceil(remainingMs)), LONGEST_TIMER_MS - TRANSACTION_GRACE_MS);
    lower('statement_timeout', timeoutMs, limits.statementMs);
    // The server closes the connection for it, so it must come after our own ways of ending the transaction.
    if (capabilities.transactionTimeout)
      lower('transaction_timeout', timeoutMs + TRANSACTION_GRACE_MS, limits.transactionMs);
  }
  // A process that is stopped in the middle of a transaction must not hold its row locks for long.
  if (idleTimeoutMs !== undefined)
    lower('idle_in_transaction_session_timeout', idleTimeoutMs, limits.idleInTransactionMs);
  return texts;
}

/** CockroachDB renews a transaction in place by its restart savepoint, but not a stale read. */
export function usesRestartSavepoint(engine: Engine, options: TransactOptions): boolean {
  return engine.capabilities.restartSavepoint && !options.asOf;
}

/**
 * Whether the fence is checked again by a row lock together with the COMMIT. CockroachDB's SERIALIZABLE
 * needs no lock: a fence whose row was deleted since it was read fails the commit.
 */
export function needsSeal(engine: Engine, options: TransactOptions): boolean {
  return engine.capabilities.lockDetectsDelete || options.isolation === 'read committed';
}
