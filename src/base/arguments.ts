import { invalidOption } from './errors/index.ts';

/** Throws MisuseError, naming the argument, unless it is a function. */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidOption(name, 'expected a function');
}

/**
 * What an object has under a name that somebody else chose. What every object inherits (`constructor`, `toString`) is not
 * had; what its own class brings is.
 */
export function valueNamed<T>(object: { readonly [name: string]: T }, name: string): T | undefined {
  return name in Object.prototype && !Object.hasOwn(object, name) ? undefined : object[name];
}

/** A text that PostgreSQL can keep: without zero bytes. */
export const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');

/** Of the protocol's 65,535 the drivers keep some for themselves. */
const MOST_VALUES = 65_533;

/** Throws MisuseError unless it can be sent: text, and values that are text or null. */
export function assertStatement(statement: unknown): void {
  const { text, values } = (statement ?? {}) as { readonly text?: unknown; readonly values?: unknown };
  if (typeof text !== 'string')
    throw invalidOption('statement', 'expected { text, values } or what a compiled query makes');
  if (text.includes('\0')) throw invalidOption('statement.text', 'has a zero byte');
  if (!Array.isArray(values)) throw invalidOption('statement.values', 'expected an array of texts and nulls');
  if (values.length > MOST_VALUES)
    throw invalidOption(
      'statement.values',
      `${values.length} are more than a statement can have (${MOST_VALUES}): send them as arrays, or in pages`,
    );
  const wrong = values.findIndex((value) => value !== null && typeof value !== 'string');
  if (wrong >= 0)
    throw invalidOption(
      `statement.values.${wrong}`,
      `expected text or null, not a ${typeof values[wrong]}: values travel in PostgreSQL's text format`,
    );
}

/** Throws MisuseError, naming the argument, unless it is a text that is not empty and that PostgreSQL can keep. */
export function checkText(subject: string, text: string): string {
  if (!isText(text) || text === '') throw invalidOption(subject, 'expected a text without zero bytes');
  return text;
}

/** The JSON of a value; throws MisuseError for what is none, or what no database keeps. */
export function jsonOf(subject: string, value: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw invalidOption(subject, 'is not a JSON value', { cause });
  }
  if (json === undefined) throw invalidOption(subject, 'is not a JSON value');
  // JSONB refuses zero characters and halves of a pair, which stand in JSON as escapes.
  const isKept = (_key: string, one: unknown) => {
    if (typeof one === 'string' && !(isText(one) && one.isWellFormed()))
      throw invalidOption(subject, 'has a text with a zero byte or a lone surrogate');
    return one;
  };
  if (/\\u(?:0000|d[89a-f])/i.test(json)) JSON.parse(json, isKept);
  return json;
}
