import { type Codec, isJson } from './codec.ts';
import { arrayText, parseArrayText, parseNestedText, parseRowText, rowText } from './composite-text.ts';

/** Takes no array-like: a string, or bytes, would be taken apart. The holes of a sparse array are undefined here. */
function listed<T>(values: readonly T[], type: string): T[] {
  if (!Array.isArray(values)) throw new TypeError(`not an array, as ${type} is`);
  return [...(values as T[])];
}

/** An array of another codec's values. A NULL element is refused: it was proved, or promised, that there is none. */
export function arrayOf<T>(element: Codec<T>): Codec<readonly T[]> {
  const type = `${element.type}[]`;
  const { delimiter = ',' } = element;
  const refusal = () => new RangeError(`a NULL in ${type} that was to hold none`);
  return {
    type,
    delimiter,
    decode: (value) =>
      parseArrayText(value, delimiter).map((item) => {
        if (item === null) throw refusal();
        return element.decode(item);
      }),
    encode: (values) => {
      const items = listed(values, type).map((value) => {
        if (value === undefined || (value === null && !isJson(element))) throw refusal();
        return element.encode(value);
      });
      return arrayText(items, delimiter);
    },
  };
}

/** An array whose elements may be NULL, which is said by null: one that is undefined is refused. */
export function nullableArrayOf<T>(element: Codec<T>): Codec<readonly (T | null)[]> {
  const type = `${element.type}[]`;
  const { delimiter = ',' } = element;
  return {
    type,
    delimiter,
    decode: (value) =>
      parseArrayText(value, delimiter).map((item) => (item === null ? null : element.decode(item))),
    encode: (values) => {
      const items = listed(values, type).map((value) => (value === null ? null : element.encode(value)));
      return arrayText(items, delimiter);
    },
  };
}

/**
 * An array of arrays, `INT[][]`: one more dimension than the codec of what is inside has. All on one level are as
 * long as each other, or the server refuses them.
 */
export function nestedArrayOf<T>(inner: Codec<T>): Codec<readonly T[]> {
  const { type, delimiter = ',' } = inner;
  return {
    type,
    delimiter,
    decode: (value) => parseNestedText(value, delimiter).map((item) => inner.decode(item)),
    encode: (values) => {
      const items = listed(values, type).map((value) => inner.encode(value));
      return `{${items.join(delimiter)}}`;
    },
  };
}

/** A codec of whatever a field holds. */
interface FieldCodec {
  readonly type: string;
  decode(text: string): unknown;
  encode(value: never): string;
}

/** A composite type as an object of its fields, in its order. Each may be null unless it says otherwise. */
export function compositeOf<T extends object>(
  type: string,
  fields: readonly (readonly [name: keyof T & string, codec: FieldCodec, notNull?: 'notnull'])[],
): Codec<T> {
  const missing = (name: string) => new RangeError(`${type}.${name} is NULL, which it was never to be`);
  return {
    type,
    decode: (value) => {
      const items = parseRowText(value);
      if (items.length < fields.length)
        throw new RangeError(`a ${type} of ${items.length} fields, not of ${fields.length}`);
      const entries = fields.map(([name, codec, notNull], i) => {
        const item = items[i] ?? null;
        if (item === null && notNull) throw missing(name);
        return [name, item === null ? null : codec.decode(item)];
      });
      return Object.fromEntries(entries) as T;
    },
    encode: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new TypeError(`not an object with the fields of ${type}`);
      return rowText(
        fields.map(([name, codec, notNull]) => {
          // A field that is not there may be one whose name is misspelt: NULL is said by null.
          if (!Object.hasOwn(value, name))
            throw new TypeError(`an object without the field ${name} of ${type}`);
          const item = (value as Readonly<Record<string, unknown>>)[name] ?? null;
          if (item === null && notNull) throw missing(name);
          return item === null ? null : codec.encode(item as never);
        }),
      );
    },
  };
}
