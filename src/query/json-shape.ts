import { valueNamed } from '../base/index.ts';
import type { Codec } from './codec.ts';
import { parseTime } from './time-text.ts';

/** How a value inside a JSON document becomes a JavaScript value. Numbers come with the digits they had. */
export interface JsonShape<T> {
  fromJson(value: unknown): T;
}

/** A number as the document spells it. */
class Digits {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

const digits = (value: unknown): string => {
  if (value instanceof Digits) return value.source;
  throw new TypeError('not a JSON number');
};

const text = (value: unknown): string => {
  if (typeof value === 'string') return value;
  throw new TypeError('not a JSON string');
};

/** Numbers back to plain ones, for documents without a shape. */
function plain(value: unknown): unknown {
  if (value instanceof Digits) return Number(value.source);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  return value;
}

export const jsonString: JsonShape<string> = { fromJson: text };
/** A string that is one of an enum's labels, as the engine's type says. */
export function jsonLabel<T extends string>(): JsonShape<T> {
  return jsonString as JsonShape<T>;
}

/** What JSON has no number for is there as a string. */
const noNumber = new Set<unknown>(['NaN', 'Infinity', '-Infinity']);

export const jsonNumber: JsonShape<number> = {
  fromJson: (value) => Number(noNumber.has(value) ? value : digits(value)),
};
export const jsonBigint: JsonShape<bigint> = { fromJson: (value) => BigInt(digits(value)) };
/** A number's digits as text: NUMERIC loses none. */
export const jsonDigits: JsonShape<string> = {
  fromJson: (value) => (noNumber.has(value) ? text(value) : digits(value)),
};
export const jsonBoolean: JsonShape<boolean> = {
  fromJson: (value) => {
    if (typeof value === 'boolean') return value;
    throw new TypeError('not a JSON boolean');
  },
};
export const jsonDate: JsonShape<Date> = {
  fromJson: (value) => parseTime(text(value)),
};
export const jsonAny: JsonShape<unknown> = { fromJson: plain };

export function jsonNullable<T>(shape: JsonShape<T>): JsonShape<T | null> {
  return { fromJson: (value) => (value === null ? null : shape.fromJson(value)) };
}

export function jsonArray<T>(element: JsonShape<T>): JsonShape<readonly T[]> {
  return {
    fromJson: (value) => {
      if (!Array.isArray(value)) throw new TypeError('not a JSON array');
      return value.map((item) => element.fromJson(item));
    },
  };
}

export function jsonObject<T extends object>(
  fields: { readonly [K in keyof T]: JsonShape<T[K]> },
): JsonShape<T> {
  return {
    fromJson: (value) => {
      if (typeof value !== 'object' || value === null) throw new TypeError('not a JSON object');
      const entries = Object.entries<JsonShape<unknown>>(fields).map(([key, shape]) => [
        key,
        shape.fromJson(valueNamed(value as Record<string, unknown>, key) ?? null),
      ]);
      return Object.fromEntries(entries) as T;
    },
  };
}

/** A JSON column whose shape the compiler read from the query that builds it. Columns only. */
export function jsonOf<T>(type: string, shape: JsonShape<T>): Codec<T> {
  return {
    type,
    decode: (value) =>
      shape.fromJson(
        JSON.parse(value, (_key, inner: unknown, context?: { source?: string }) =>
          typeof inner === 'number' ? new Digits(context?.source ?? String(inner)) : inner,
        ),
      ),
    encode: (value) => JSON.stringify(value),
  };
}
