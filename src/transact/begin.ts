import type { Engine } from '../database/index.ts';
import type { TransactOptions } from './options.ts';

/**
 * The text that opens an attempt, one simple-protocol message. Every option in it is from a closed list or
 * was validated, since BEGIN takes no placeholders.
 */
export function beginText(engine: Engine, options: TransactOptions, remainingMs: number | undefined): string {
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
  if (usesRestartSavepoint(engine, options)) text.push('SAVEPOINT cockroach_restart');
  if (remainingMs !== undefined)
    text.push(`SET LOCAL statement_timeout = ${Math.max(1, Math.ceil(remainingMs))}`);
  return text.join('; ');
}

/** CockroachDB renews a transaction in place by its restart savepoint, but not a stale read. */
export function usesRestartSavepoint(engine: Engine, options: TransactOptions): boolean {
  return engine.capabilities.restartSavepoint && !options.asOf;
}
