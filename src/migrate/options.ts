import { z } from 'zod';
import { invalidOption } from '../base/index.ts';
import type { MigrationPlace, MigrationTarget } from './connection.ts';
import { urlTarget } from './url-target.ts';

/** What happened, for a log. */
export interface MigrationEvent {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  readonly direction: 'up' | 'down';
  readonly elapsedMs: number;
}

export interface MigrateOptions {
  /** `holdfast`, or folders of your own, in order. Default: `holdfast`. */
  readonly sets?: readonly string[] | undefined;
  /** Stop after this number; only with one set. */
  readonly to?: number | undefined;
  /** How long to wait for another migration to end. Default: ten minutes. */
  readonly lockWaitMs?: number | undefined;
  /** How long the lock of a dead process keeps others out. Default: 15 s. */
  readonly leaseMs?: number | undefined;
  /** Stops between two statements. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each migration. */
  readonly onApplied?: ((event: MigrationEvent) => void) | undefined;
}

export interface MigrateDownOptions extends Omit<MigrateOptions, 'to' | 'sets'> {
  readonly set: string;
  /** The newest migration that stays; 0 takes all of them back. */
  readonly to: number;
  /** Taking a migration back deletes what is in its tables: it has to be said. */
  readonly allowDestructive: true;
}

const common = {
  lockWaitMs: z.number().int().min(0).default(600_000),
  leaseMs: z.number().int().min(100).default(15_000),
  signal: z.instanceof(AbortSignal).optional(),
  onApplied: z.custom<(event: MigrationEvent) => void>((value) => typeof value === 'function').optional(),
};

const sets = z.array(z.string().min(1, 'a set has a name')).min(1, 'name a set').default(['holdfast']);

export const checkSchemaOptions = z.strictObject({ set: z.string().min(1).optional() });

export const statusSchema = z.strictObject({ sets });

export const migrateSchema = z
  .strictObject({
    sets,
    to: z.number().int().min(0).optional(),
    ...common,
  })
  .refine(({ sets, to }) => to === undefined || sets.length === 1, {
    path: ['to'],
    message: 'a number belongs to one set: name just that one',
  });

export const migrateDownSchema = z.strictObject({
  set: z.string().min(1),
  to: z.number().int().min(0),
  allowDestructive: z.literal(true, 'it deletes data: say allowDestructive: true'),
  ...common,
});

/** @throws MisuseError naming the wrong option. */
export function check<T>(schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const option = issue?.path.join('.') || (issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined);
  throw invalidOption(option ?? 'options', issue?.message ?? 'wrong');
}

export function toTarget(place: MigrationPlace): MigrationTarget {
  if (typeof place === 'string') return urlTarget(place);
  if (typeof place !== 'object' || place === null)
    throw invalidOption('place', 'expected a URL, a Database, or where to get connections');
  return 'url' in place ? urlTarget(place.url) : place;
}
