import { valueNamed } from '../base/index.ts';
import type { Codec } from './codec.ts';
import { arrayText, parseArrayText, parseNestedText, parseRowText, rowText } from './composite-text.ts';

/** An array of another codec's values. A NULL element is refused: it was proved, or promised, that there is none. */
export function arrayOf<T>(element: Codec<T>): Codec<readonly T[]> {
  const type = `${element.type}[]`;
  return {
    type,
    decode: (value) =>
      parseArrayText(value).map((item) => {
        if (item === null) throw new RangeError(`a NULL in ${type} that was to hold none`);
        return element.decode(item);
      }),
    encode: (values) => arrayText(values.map((value) => element.encode(value))),
  };
}

/** An array whose elements may be NULL. */
export function nullableArrayOf<T>(element: Codec<T>): Codec<readonly (T | null)[]> {
  return {
    type: `${element.type}[]`,
    decode: (value) => parseArrayText(value).map((item) => (item === null ? null : element.decode(item))),
    encode: (values) => arrayText(values.map((value) => (value === null ? null : element.encode(value)))),
  };
}

/**
 * An array of arrays, `INT[][]`: one more dimension than the codec of what is inside has. All on one level are as
 * long as each other, or the server refuses them.
 */
export function nestedArrayOf<T>(inner: Codec<T>): Codec<readonly T[]> {
  return {
    type: inner.type,
    decode: (value) => parseNestedText(value).map((item) => inner.decode(item)),
    encode: (values) => `{${values.map((value) => inner.encode(value)).join(',')}}`,
  };
}

/** A codec of whatever a field holds. */
interface FieldCodec {
  readonly type: string;
  decode(text: string): unknown;
  encode(value: never): string;
}

/** A composite type as an object of its fields, each of which may be null. */
export function compositeOf<T extends object>(
  type: string,
  fields: readonly (readonly [name: keyof T & string, codec: FieldCodec])[],
): Codec<T> {
  return {
    type,
    decode: (value) => {
      const items = parseRowText(value);
      const entries = fields.map(([name, codec], i) => {
        const item = items[i] ?? null;
        return [name, item === null ? null : codec.decode(item)];
      });
      return Object.fromEntries(entries) as T;
    },
    encode: (value) =>
      rowText(
        fields.map(([name, codec]) => {
          const item = valueNamed(value as Readonly<Record<string, unknown>>, name);
          return item === null || item === undefined ? null : codec.encode(item as never);
        }),
      ),
  };
}
