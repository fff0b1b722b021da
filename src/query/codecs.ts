import type { Codec } from './codec.ts';
import { infinityOf, parseInterval } from './interval.ts';
import { parseTime, timeText } from './time-text.ts';

/** A type that travels as the server's own text; `delimiter` is what stands in arrays of it, if not a comma. */
export const textual = (type: string, delimiter = ','): Codec<string> => ({
  type,
  delimiter,
  decode: (value) => value,
  encode: String,
});

export const text = textual('text');
export const uuid = textual('uuid');
/** NUMERIC stays a string: no digit is lost. */
export const numeric = textual('numeric');
/** NUMERIC as a number, by choice: digits past the 15th are lost. */
export const numericNumber: Codec<number> = { type: 'numeric', decode: Number, encode: String };
export const int8: Codec<bigint> = {
  type: 'int8',
  decode: BigInt,
  encode: (value) => BigInt(value).toString(),
};
/** INT8 as a number; throws past 2^53 rather than lose digits. */
export const int8Number: Codec<number> = {
  type: 'int8',
  decode: (value) => safeInteger(Number(value)),
  encode: (value) => safeInteger(value).toString(),
};
/** INT8 as the server's digits. */
export const int8Text: Codec<string> = {
  type: 'int8',
  decode: (value) => value,
  encode: (value) => BigInt(value).toString(),
};
export const int4: Codec<number> = {
  type: 'int4',
  decode: Number,
  encode: (value) => safeInteger(value).toString(),
};
export const float8: Codec<number> = { type: 'float8', decode: Number, encode: String };
export const bool: Codec<boolean> = {
  type: 'bool',
  decode: (value) => value === 't' || value === 'true',
  encode: (value) => (value ? 't' : 'f'),
};
/**
 * TIMESTAMPTZ as a Date: milliseconds; finer digits are dropped. Infinity is the first or last moment that a Date
 * holds, both ways. Throws for years beyond 275760.
 */
export const timestamptz: Codec<Date> = { type: 'timestamptz', decode: parseTime, encode: timeText };
/** TIMESTAMPTZ as the server's text, every digit kept. */
export const timestamptzText = textual('timestamptz');
export const bytea: Codec<Uint8Array> = {
  type: 'bytea',
  decode: (value) => new Uint8Array(Buffer.from(value.slice(2), 'hex')),
  encode: (value) => `\\x${Buffer.from(value).toString('hex')}`,
};
/** What a JSON parameter takes. JavaScript's null is JSON's, but SQL's NULL where the parameter may be NULL. */
export type JsonValue = string | number | boolean | object | null;
export const jsonb: Codec<unknown> = {
  type: 'jsonb',
  decode: (value) => JSON.parse(value) as unknown,
  encode: (value) => {
    const json = JSON.stringify(value);
    if (json === undefined) throw new TypeError('not a JSON value');
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
    `${safeInteger(value.months)} months ${safeInteger(value.days)} days ${BigInt(value.microseconds)} microseconds`,
};

/** An enum as a union of its labels. A label that is not among them is refused, both ways. */
export function enumOf<T extends string>(type: string, labels: readonly T[]): Codec<T> {
  const known: ReadonlySet<string> = new Set(labels);
  const check = (value: string): T => {
    if (!known.has(value)) throw new RangeError(`${value} is not a label of ${type}`);
    return value as T;
  };
  return { type, decode: check, encode: check };
}

function safeInteger(value: number): number {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${value} is not an integer that a number holds exactly`);
  return value;
}
