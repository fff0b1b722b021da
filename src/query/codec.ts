/**
 * Translates between one SQL type's text format and a JavaScript value. Both drivers are asked for
 * plain text, so a value is the same whichever driver fetched it.
 */
export interface Codec<T> {
  /** SQL type name as the catalog spells it (`int8`, `timestamptz`, `work_event[]`, ...). */
  readonly type: string;
  decode(text: string): T;
  encode(value: T): string;
}
