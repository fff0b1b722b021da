import { z } from 'zod';
import type { Face } from '../faces/index.ts';
import type { Transaction } from '../transact/index.ts';

/** A janitor's statement that is not answered within this is given up. */
export const STATEMENT_TIMEOUT_MS = 30_000;

const durationMs = z.number().positive();

/** How many targets wait for a kind of work. Only reads. */
export type CountPending = (tx: Transaction) => Promise<number | bigint>;

/** Options of `runJanitor`. Durations are milliseconds. */
export const janitorSchema = z.strictObject({
  /** Pause between two sweeps, between three and five quarters of it. Default 10,000. */
  intervalMs: durationMs.optional(),
  /** Work history is kept this long. `Infinity` keeps it for good. Default 90 days. */
  historyRetentionMs: z.union([durationMs, z.literal(Infinity)]).optional(),
  /** Commit markers are kept this long: longer than any client waits for an outcome, at least 60,000. Default 1 day. */
  markerRetentionMs: z.number().min(60_000).optional(),
  /** A statement that is not answered within this is given up, and the sweep with it. Default 30,000. */
  statementTimeoutMs: durationMs.optional(),
  /**
   * `{ [kind]: (tx) => count }`: counts the targets that wait for a kind of work, since only your tables know. Each runs
   * in a read-only transaction, as often as work is counted, and may be retried. Default: none.
   */
  pending: z
    .record(
      z.string().min(1).max(200),
      z.custom<CountPending>((value) => typeof value === 'function'),
    )
    .optional(),
  /** Work, and what is pending, is counted this often, since that reads whole tables. Default 1 minute. */
  countIntervalMs: durationMs.optional(),
  /** Old history, and work whose dead holder no sweep saw, are looked for this often, since it scans. Default 1 hour. */
  historyIntervalMs: durationMs.optional(),
  /** Most rows that one statement deletes, 1 to 10,000. Default 1,000. */
  page: z.int().min(1).max(10_000).optional(),
  /** What other parts of the program bring: their sweeps and gauges, besides Holdfast's own. Default: none. */
  faces: z.array(z.custom<Face>((value) => typeof value === 'object' && value !== null)).optional(),
  /**
   * `(error) => void`: told of every sweep that failed; the next one tries again. What it throws becomes a process
   * warning. Default: none.
   */
  onError: z.custom<(error: unknown) => void>((value) => typeof value === 'function').optional(),
});

/** Options of `runJanitor`; each has a default. Durations are milliseconds. */
export type JanitorOptions = z.input<typeof janitorSchema>;
