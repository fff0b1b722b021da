import type { Codec } from './codec.ts';
import { infinityOf, parseInterval } from './interval.ts';
import { dateText, parseDate, parseTime, parseTimestamp, timestampText, timeText } from './time-text.ts';

/** A type that travels as the server's own text; `delimiter` is what stands in arrays of it, if not a comma. */
export const textual = (type: string, delimiter = ','): Codec<string> => ({
  type,
  delimiter,
  decode: (value) => value,
  encode: wellFormed,
});

export const text = textual('text');
export const uuid = textual('uuid');
/** NUMERIC stays a string: no digit is lost. */
export const numeric = textual('numeric');
/** NUMERIC as a number, by choice: digits past the 15th are lost. */
export const numericNumber: Codec<number> = { type: 'numeric', decode: anyNumber, encode: numberText };
export const int8: Codec<bigint> = {
  type: 'int8',
  decode: (value) => BigInt(digits(value)),
  encode: integerText,
};
/** INT8 as a number; throws past 2^53 rather than lose digits. */
export const int8Number: Codec<number> = {
  type: 'int8',
  decode: (value) => safeInteger(Number(digits(value))),
  encode: (value) => safeInteger(value).toString(),
};
/** INT8 as the server's digits. */
export const int8Text: Codec<string> = {
  type: 'int8',
  decode: digits,
  encode: (value) => BigInt(digits(value)).toString(),
};
export const int4: Codec<number> = {
  type: 'int4',
  decode: (value) => Number(digits(value)),
  encode: (value) => safeInteger(value).toString(),
};
export const float8: Codec<number> = { type: 'float8', decode: anyNumber, encode: numberText };
export const bool: Codec<boolean> = {
  type: 'bool',
  decode: (value) => {
    if (value === 't' || value === 'true') return true;
    if (value === 'f' || value === 'false') return false;
    throw wrong(value, 'true or false');
  },
  encode: (value) => {
    if (typeof value !== 'boolean') throw wrong(value, 'true or false');
    return value ? 't' : 'f';
  },
};
/**
 * TIMESTAMPTZ as a Date: milliseconds; finer digits are dropped. Infinity is the first or last moment that a Date
 * holds, both ways. Throws for years beyond 275760.
 */
export const timestamptz = dateOf('timestamptz', parseTime, timeText);
/** TIMESTAMP as the Date of that time in UTC, whatever the zone of the process; else as `timestamptz`. By choice. */
export const timestampUtc = dateOf('timestamp', parseTimestamp, timestampText);
/** DATE as the Date of its beginning in UTC; throws for any other time of day rather than lose it. By choice. */
export const dateUtc = dateOf('date', parseDate, dateText);
/** TIMESTAMPTZ as the server's text, every digit kept. */
export const timestamptzText = textual('timestamptz');
export const bytea: Codec<Uint8Array> = {
  type: 'bytea',
  decode: (value) => {
    const bytes = Buffer.from(value.slice(2), 'hex');
    if (!value.startsWith('\\x') || bytes.length * 2 !== value.length - 2)
      throw new RangeError('bytes that are not written as \\x and hex digits');
    return new Uint8Array(bytes);
  },
  encode: (value) => {
    if (!(value instanceof Uint8Array)) throw wrong(value, 'a Uint8Array');
    return `\\x${Buffer.from(value).toString('hex')}`;
  },
};
/** What a JSON parameter takes. JavaScript's null is JSON's, but SQL's NULL where the parameter may be NULL. */
export type JsonValue = string | number | boolean | object | null;
export const jsonb: Codec<unknown> = {
  type: 'jsonb',
  decode: (value) => JSON.parse(value) as unknown,
  encode: (value) => {
    const json = JSON.stringify(value, refuseLossy);
    if (json === undefined) throw wrong(value, 'a JSON value');
    return json;
  },
};
/**
 * INTERVAL in its three parts, which do not convert into each other. Infinity (from PostgreSQL 17) has the greatest
 * values of all three that the server holds, minus infinity the least.
 */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly microseconds: bigint;
}
export const interval: Codec<Interval> = {
  type: 'interval',
  decode: parseInterval,
  encode: (value) =>
    infinityOf(value) ??
    `${safeInteger(value.months)} months ${safeInteger(value.days)} days ${integerText(value.microseconds)} microseconds`,
};

/** An enum as a union of its labels. A label that is not among them is refused, both ways. */
export function enumOf<T extends string>(type: string, labels: readonly T[]): Codec<T> {
  const known: ReadonlySet<string> = new Set(labels);
  const check = (value: string): T => {
    if (!known.has(value)) throw new RangeError(`${String(value)} is not a label of ${type}`);
    return value as T;
  };
  return { type, decode: check, encode: check };
}

function dateOf(type: string, decode: (value: string) => Date, text: (date: Date) => string): Codec<Date> {
  return {
    type,
    decode,
    encode: (value) => {
      if (!(value instanceof Date)) throw wrong(value, 'a Date');
      return text(value);
    },
  };
}

/** A string that the server gets as it is: a surrogate without its other half would become another character. */
function wellFormed(value: string): string {
  if (typeof value !== 'string') throw wrong(value, 'a string');
  if (!value.isWellFormed()) throw new RangeError('a string with half of a surrogate pair');
  return value;
}

function digits(value: string): string {
  if (typeof value !== 'string' || !/^-?\d+$/.test(value)) throw wrong(value, 'an integer');
  return value;
}

/** A bigint; a number that is an integer will do. */
function integerText(value: bigint): string {
  return (typeof value === 'bigint' ? value : safeInteger(value)).toString();
}

function anyNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || (Number.isNaN(number) && value !== 'NaN')) throw wrong(value, 'a number');
  return number;
}

function numberText(value: number): string {
  if (typeof value !== 'number') throw wrong(value, 'a number');
  // The sign of zero is lost in a string.
  return Object.is(value, -0) ? '-0' : String(value);
}

function safeInteger(value: number): number {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${shown(value)} is not an integer that a number holds exactly`);
  return value;
}

/** JSON has no such values: JSON.stringify would write null for the first two, and of a Map or a Set nothing. */
function refuseLossy(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw wrong(value, 'a JSON number');
  if (value === null && (this as Record<string, unknown>)[key] instanceof Date)
    throw new TypeError('a Date that is not valid');
  if (value instanceof Map || value instanceof Set) throw wrong(value, 'a JSON value');
  return value;
}

const wrong = (value: unknown, expected: string) => new TypeError(`${shown(value)} is not ${expected}`);

/** Values are not quoted: they may be secrets. */
function shown(value: unknown): string {
  if (value === null || typeof value === 'undefined' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return String(value);
  return typeof value === 'object'
    ? `an object (${value.constructor?.name ?? 'without a class'})`
    : `a ${typeof value}`;
}
