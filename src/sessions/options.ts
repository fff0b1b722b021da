import { z } from 'zod';

/** Texts for the database: PostgreSQL keeps no zero byte. */
const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => !value.includes('\0'), 'has a zero byte');

/** Options of `startSession`. */
export const sessionOptionsSchema = z.strictObject({
  /** Name of the program, as operators know it, in spans and metrics too: 1 to 200 characters. */
  component: text(200).min(1),
  /** What tells one replica from another, at most 2,000 characters. Default: host name and pid. */
  instance: text(2_000).optional(),
  /** A session is dead this long after its last heartbeat, 100 to 3,600,000. Default 5,000. */
  intervalMs: z.int().min(100).max(3_600_000).optional(),
});

/** Options of `startSession`; `component` is required. Durations are milliseconds. */
export type SessionOptions = z.input<typeof sessionOptionsSchema>;
export const DEFAULT_INTERVAL_MS = 5_000;
