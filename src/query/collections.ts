import type { Codec } from './codec.ts';
import { arrayText, parseArrayText, parseNestedText, parseRowText, rowText } from './composite-text.ts';

/** Takes no array-like: a string, or bytes, would be taken apart. The holes of a sparse array are undefined here. */
function listed<T>(values: readonly T[], type: string): T[] {
  if (!Array.isArray(values)) throw new TypeError(`not an array, as ${type} is`);
  return [...(values as T[])];
}

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
    encode: (values) =>
      arrayText(
        listed(values, type).map((value) => {
          if (value === null || value === undefined)
            throw new RangeError(`a NULL for ${type} that is to hold none`);
          return element.encode(value);
        }),
      ),
  };
}

/** An array whose elements may be NULL. */
export function nullableArrayOf<T>(element: Codec<T>): Codec<readonly (T | null)[]> {
  const type = `${element.type}[]`;
  return {
    type,
    decode: (value) => parseArrayText(value).map((item) => (item === null ? null : element.decode(item))),
    encode: (values) =>
      arrayText(listed(values, type).map((value) => (value === null ? null : element.encode(value)))),
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
    encode: (values) =>
      `{${listed(values, inner.type)
        .map((value) => inner.encode(value))
        .join(',')}}`,
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
    encode: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new TypeError(`not an object with the fields of ${type}`);
      return rowText(
        fields.map(([name, codec]) => {
          // A field that is not there may be one whose name is misspelt: NULL is said by null.
          if (!Object.hasOwn(value, name))
            throw new TypeError(`an object without the field ${name} of ${type}`);
          const item = (value as Readonly<Record<string, unknown>>)[name];
          return item === null || item === undefined ? null : codec.encode(item as never);
        }),
      );
    },
  };
}
