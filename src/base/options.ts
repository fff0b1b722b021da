import { z } from 'zod';
import { invalidOption } from './errors/index.ts';

/** Checks a public function's options; throws MisuseError naming the first wrong one. */
export function checkOptions<S extends z.ZodType>(schema: S, options: unknown): z.output<S> {
  const checked = schema.safeParse(options ?? {});
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown ? [unknown] : [])].join('.') || 'options';
  throw invalidOption(path, unknown ? 'unknown option' : (issue?.message ?? 'not valid'));
}

/** A name that a program declares: it stands in kinds, metrics and command lines. */
export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, dots, dashes and underscores')
  .max(80);
