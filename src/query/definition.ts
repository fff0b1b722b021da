import type { Codec } from './codec.ts';

/** The half of a codec that a parameter needs. */
export type Encoder = Pick<Codec<never>, 'type' | 'delimiter' | 'encode'>;
/**
 * A parameter: field name of the parameter object, its codec, whether null is allowed. `user.name` is the field `name` of
 * the object `user`, and `users[].name` that of each object of the list `users`, which travels as an array.
 */
export type ParamSpec = readonly [field: string, codec: Encoder, nullable?: 'null'];
/** A column: field name of the row object, its codec, whether it can be null. */
export type ColumnSpec = readonly [field: string, codec: Codec<unknown>, nullable?: 'null'];
/** Columns `from` up to (not with) `to` are an object of their own; `null` when all of them are NULL. */
export type EmbedSpec = readonly [field: string, from: number, to: number, nullable?: 'null'];
/**
 * A piece of a query with optional parts: text, a parameter by its index, a part that is there only when
 * its parameters are given, or an ORDER BY key chosen from a list.
 */
export type DynamicPart =
  | string
  | number
  | { readonly when: readonly number[]; readonly parts: readonly (string | number)[] }
  | { readonly order: string; readonly choices: Readonly<Record<string, string>> };
/** Parameters of a query that takes none. */
export type NoParams = Readonly<Record<never, never>>;

/** What the compiler writes down for one query. */
export interface QueryDefinition {
  readonly name: string;
  /** The statement; for a query with optional parts, the one with all of them. */
  readonly text: string;
  readonly operation?: string;
  readonly collection?: string;
  readonly params: readonly ParamSpec[];
  readonly columns: readonly ColumnSpec[];
  readonly embeds?: readonly EmbedSpec[];
  /** The pieces that variants are put together from; each variant was prepared when it was compiled. */
  readonly parts?: readonly DynamicPart[];
}
