import { z } from 'zod';

const durationMs = z.number().positive();
/** A kind of work may have 200, and what is done to it stands behind it. */
const LONGEST_NAME = 300;

/** Options of `transact`. Durations are milliseconds. */
export const transactOptionsSchema = z.strictObject({
  /** Name of the transaction in spans, metrics and errors. Default: the callback's name. */
  name: z.string().max(LONGEST_NAME).optional(),
  /**
   * `serializable`, `repeatable read` (a snapshot; `serializable` on CockroachDB) or `read committed`. Default
   * `serializable`, which is sent explicitly.
   */
  isolation: z.enum(['serializable', 'repeatable read', 'read committed']).optional(),
  /** Refuses writes; its commit is never ambiguous. Default false. */
  readOnly: z.boolean().optional(),
  /** CockroachDB's priority: `low`, `normal` or `high`; no effect on PostgreSQL. Default `normal`. */
  priority: z.enum(['low', 'normal', 'high']).optional(),
  /**
   * Stale read, read only: `follower` (about 4.2 s old) or an age such as `-10s`. On PostgreSQL a plain
   * read-only transaction. Default: none.
   */
  asOf: z
    .union([
      z.literal('follower'),
      z.string().regex(/^-\d+(\.\d+)?(ms|s|m|h)$/, 'expected "follower" or an age such as "-10s"'),
    ])
    .optional(),
  /** Retries after the first attempt: 0 is exactly one attempt, Infinity is allowed. Default 15. */
  maxRetries: z.union([z.int().min(0), z.literal(Infinity)]).optional(),
  /** Longest time in all: waiting for a connection, attempts and pauses. The server is told too. Default: none. */
  deadlineMs: durationMs.optional(),
  /** An AbortSignal that ends the transaction, unless its COMMIT was sent already. Default: none. */
  signal: z.instanceof(AbortSignal).optional(),
  /** The transaction may be applied twice without harm: an ambiguous commit is retried. Default false. */
  idempotent: z.boolean().optional(),
  /** Insert a marker row, so that an ambiguous commit is resolved to its true outcome. Default false. */
  commitMarker: z.boolean().optional(),
  /** Let schema changes through; CockroachDB may commit before them. Default false. */
  allowDdl: z.boolean().optional(),
});

/** Options of `transact`, each with a default. Durations are milliseconds. */
export type TransactOptions = z.input<typeof transactOptionsSchema>;

export const DEFAULT_MAX_RETRIES = 15;
