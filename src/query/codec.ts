/**
 * Translates between one SQL type's text format and a JavaScript value. Both drivers are asked for
 * plain text, so a value is the same whichever driver fetched it.
 */
export interface Codec<T> {
  /** SQL type name as the catalog spells it (`int8`, `timestamptz`, `work_event[]`, ...). */
  readonly type: string;
  /** What stands between the elements of an array of the type; a comma unless said otherwise. */
  readonly delimiter?: string;
  decode(text: string): T;
  encode(value: T): string;
}

/**
 * What stands between values of the type that travel as a list, one for each row. Those that are arrays are texts there:
 * the server has no list of arrays of many lengths.
 */
export const listDelimiter = ({ type, delimiter = ',' }: Pick<Codec<never>, 'type' | 'delimiter'>) =>
  type.endsWith('[]') ? ',' : delimiter;

/** Whether JavaScript's null is a value of the type. */
export const isJson = ({ type }: { readonly type: string }) => type === 'json' || type === 'jsonb';
