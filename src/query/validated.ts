import type { Codec } from './codec.ts';

/** What Holdfast asks of a schema: zod's `parse`, and nothing else of zod. */
export interface Schema<T> {
  parse(value: unknown): T;
}

/** The type that a schema gives. */
export type OutputOf<S> = S extends Schema<infer T> ? T : never;

/** A codec whose values are checked by a schema on the way in and on the way out. */
export function validated<T>(codec: Codec<unknown>, schema: Schema<T>): Codec<T> {
  return {
    type: codec.type,
    delimiter: codec.delimiter ?? ',',
    decode: (value) => schema.parse(codec.decode(value)),
    encode: (value) => codec.encode(schema.parse(value)),
  };
}
