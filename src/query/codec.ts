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

/** Whether JavaScript's null is a value of the type. */
export const isJson = ({ type }: { readonly type: string }) => type === 'json' || type === 'jsonb';
