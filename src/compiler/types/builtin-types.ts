/** How a built-in type appears in TypeScript, in the runtime, and in zod. */
export interface BuiltinType {
  readonly ts: string;
  /** Name exported by the query runtime, or an expression that uses only such names. */
  readonly codec: string;
  readonly zod: string;
}

const text: BuiltinType = { ts: 'string', codec: 'text', zod: 'z.string()' };
const int4: BuiltinType = { ts: 'number', codec: 'int4', zod: 'z.int()' };
const float8: BuiltinType = { ts: 'number', codec: 'float8', zod: 'z.number()' };
const json: BuiltinType = { ts: 'unknown', codec: 'jsonb', zod: 'z.unknown()' };

/**
 * What a type of pg_type can be had as besides the server's text, by the word that the configuration uses. A time without a
 * zone is taken for one in UTC.
 */
export const typeChoices: Readonly<Record<string, Readonly<Record<string, BuiltinType>>>> = {
  int8: {
    bigint: { ts: 'bigint', codec: 'int8', zod: 'z.bigint()' },
    number: { ts: 'number', codec: 'int8Number', zod: 'z.int()' },
    string: { ts: 'string', codec: 'int8Text', zod: 'z.string().regex(/^-?\\d+$/)' },
  },
  timestamptz: {
    Date: { ts: 'Date', codec: 'timestamptz', zod: 'z.date()' },
    string: { ts: 'string', codec: 'timestamptzText', zod: 'z.string()' },
  },
  timestamp: { Date: { ts: 'Date', codec: 'timestampUtc', zod: 'z.date()' } },
  date: { Date: { ts: 'Date', codec: 'dateUtc', zod: 'z.date()' } },
  int2: { number: float8 },
  int4: { number: float8 },
  float4: { number: float8 },
  float8: { number: float8 },
  numeric: { number: { ts: 'number', codec: 'numericNumber', zod: 'z.number()' } },
};

/** By the name in pg_type. What is not here travels as the server's text: `textual('inet')`. */
export const builtinTypes: Readonly<Record<string, BuiltinType>> = {
  text,
  varchar: text,
  bpchar: text,
  char: text,
  name: text,
  citext: text,
  uuid: { ts: 'string', codec: 'uuid', zod: 'z.guid()' },
  int2: int4,
  int4,
  oid: int4,
  float4: float8,
  float8,
  numeric: { ts: 'string', codec: 'numeric', zod: 'z.string()' },
  bool: { ts: 'boolean', codec: 'bool', zod: 'z.boolean()' },
  bytea: { ts: 'Uint8Array', codec: 'bytea', zod: 'z.instanceof(Uint8Array)' },
  json,
  jsonb: json,
  interval: {
    ts: 'Interval',
    codec: 'interval',
    zod: 'z.object({ months: z.int(), days: z.int(), microseconds: z.bigint() })',
  },
};
