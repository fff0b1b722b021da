import { z } from 'zod';

const durationMs = z.number().positive();

/** Options of `transact`. Durations are milliseconds. */
export const transactOptionsSchema = z.strictObject({
  /** Name of the transaction in spans, metrics and errors. */
  name: z.string().max(200).optional(),
  /** Default `serializable`, asked for explicitly on both engines. */
  isolation: z.enum(['serializable', 'repeatable read', 'read committed']).optional(),
  readOnly: z.boolean().optional(),
  /** CockroachDB's transaction priority; no effect on PostgreSQL. */
  priority: z.enum(['low', 'normal', 'high']).optional(),
  /**
   * Stale read, read only: `follower` (about 4.2 s old) or an age such as `-10s`. On PostgreSQL a plain
   * read-only transaction.
   */
  asOf: z
    .union([
      z.literal('follower'),
      z.string().regex(/^-\d+(\.\d+)?(ms|s|m|h)$/, 'expected "follower" or an age such as "-10s"'),
    ])
    .optional(),
  /** Retries after the first attempt: 0 is exactly one attempt, Infinity is allowed. Default 15. */
  maxRetries: z.union([z.int().min(0), z.literal(Infinity)]).optional(),
  /** Longest time in all: waiting for a connection, attempts and pauses. Mirrored to the server. */
  deadlineMs: durationMs.optional(),
  signal: z.instanceof(AbortSignal).optional(),
  /** The transaction may be applied twice without harm: an ambiguous commit is retried. */
  idempotent: z.boolean().optional(),
  /** Insert a marker row, so that an ambiguous commit is resolved to its true outcome. */
  commitMarker: z.boolean().optional(),
  /** Let schema changes through; CockroachDB may commit before them. */
  allowDdl: z.boolean().optional(),
});

/** Options of `transact`, each with a default. Durations are milliseconds. */
export type TransactOptions = z.input<typeof transactOptionsSchema>;

export const DEFAULT_MAX_RETRIES = 15;
