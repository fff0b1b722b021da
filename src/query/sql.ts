import { MisuseError } from '../base/index.ts';
import { renumbered } from './renumber.ts';
import type { Statement } from './statement.ts';

/** A value that `sql` can bind. */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | readonly (string | number | bigint | boolean | null)[];

/**
 * A hand-written statement: `` db.execute(sql`SELECT name FROM machine WHERE rack = ${rack}`) ``. Every value is bound as a
 * parameter, never put into the text; another `sql` becomes a part of this one. Numbers, dates and the like travel as
 * text, so a cast says what the server shall take them for where it cannot tell: `${id}::INT8`. The rows come as text.
 *
 * Throws MisuseError (`HOLDFAST_INVALID_PARAMETER`) for a value that cannot be bound.
 */
export function sql(parts: TemplateStringsArray, ...values: readonly (SqlValue | Statement)[]): Statement {
  let text = parts[0]!;
  const bound: (string | null)[] = [];
  values.forEach((value, i) => {
    if (isStatement(value)) {
      const part = renumbered(value.text, bound.length);
      if (part === undefined)
        throw invalid(i, 'a part has a backslash, a dollar-quoted string or a comment of several lines');
      text += part;
      bound.push(...value.values);
    } else {
      bound.push(encoded(value, i));
      text += `$${bound.length}`;
    }
    text += parts[i + 1];
  });
  return { text, values: bound };
}

const invalid = (index: number, message: string) =>
  new MisuseError('HOLDFAST_INVALID_PARAMETER', `sql: value ${index + 1}: ${message}`);

const isStatement = (value: unknown): value is Statement =>
  typeof value === 'object' && value !== null && 'text' in value && 'values' in value;

function encoded(value: SqlValue, index: number): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) return `{${value.map((item) => element(item, index)).join(',')}}`;
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid(index, 'the date is not valid');
    const iso = value.toISOString();
    if (!/^\d/.test(iso)) throw invalid(index, 'the date is not in the years 0000 to 9999');
    return iso;
  }
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return scalar(value as string, index);
}

function scalar(value: string | number | bigint | boolean, index: number): string {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw invalid(index, 'the text has a zero byte');
    if (!value.isWellFormed()) throw invalid(index, 'the text has half of a surrogate pair');
    return value;
  }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  throw invalid(index, `a ${typeof value} cannot be bound`);
}

function element(value: string | number | bigint | boolean | null, index: number): string {
  if (value === null) return 'NULL';
  return `"${scalar(value, index).replace(/["\\]/g, '\\$&')}"`;
}
