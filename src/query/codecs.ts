import type { Codec } from './codec.ts';

const identity = (type: string): Codec<string> => ({ type, decode: (text) => text, encode: String });

export const text = identity('text');
export const uuid = identity('uuid');
/** NUMERIC stays a string: no digit is lost. */
export const numeric = identity('numeric');
export const int8: Codec<bigint> = { type: 'int8', decode: BigInt, encode: (value) => BigInt(value).toString() };
/** INT8 as a number; throws past 2^53 rather than lose digits. */
export const int8Number: Codec<number> = {
  type: 'int8',
  decode: (value) => safeInteger(Number(value)),
  encode: (value) => safeInteger(value).toString(),
};
export const int4: Codec<number> = { type: 'int4', decode: Number, encode: (value) => safeInteger(value).toString() };
export const float8: Codec<number> = { type: 'float8', decode: Number, encode: String };
export const bool: Codec<boolean> = {
  type: 'bool',
  decode: (value) => value === 't' || value === 'true',
  encode: (value) => (value ? 't' : 'f'),
};
/** TIMESTAMPTZ as a Date: milliseconds; finer digits are dropped. */
export const timestamptz: Codec<Date> = {
  type: 'timestamptz',
  decode: (value) => new Date(value.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')),
  encode: (value) => value.toISOString(),
};
export const bytea: Codec<Uint8Array> = {
  type: 'bytea',
  decode: (value) => new Uint8Array(Buffer.from(value.slice(2), 'hex')),
  encode: (value) => `\\x${Buffer.from(value).toString('hex')}`,
};
export const jsonb: Codec<unknown> = { type: 'jsonb', decode: JSON.parse, encode: (value) => JSON.stringify(value) };

function safeInteger(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer that a number holds exactly`);
  return value;
}

/** An array of another codec's values, in PostgreSQL's `{...}` text form. Elements are not null. */
export function arrayOf<T>(element: Codec<T>): Codec<readonly T[]> {
  return {
    type: `${element.type}[]`,
    decode: (value) => parseArray(value).map((item) => element.decode(item ?? 'null')),
    encode: (values) =>
      `{${values.map((value) => `"${element.encode(value).replace(/[\\"]/g, '\\$&')}"`).join(',')}}`,
  };
}

function parseArray(value: string): (string | null)[] {
  const items: (string | null)[] = [];
  let at = 1;
  while (at < value.length - 1) {
    if (value[at] === ',') at++;
    else if (value[at] === '"') {
      let item = '';
      for (at++; value[at] !== '"'; at++) item += value[at] === '\\' ? value[++at] : value[at];
      at++;
      items.push(item);
    } else {
      const end = value.slice(at).search(/[,}]/) + at;
      const item = value.slice(at, end);
      items.push(item === 'NULL' ? null : item);
      at = end;
    }
  }
  return items;
}
