import { describe, expect, test } from 'vitest';
import { MisuseError } from '../../src/index.ts';
import * as runtime from '../../src/query/index.ts';

const {
  arrayOf,
  bool,
  bytea,
  compositeOf,
  dateUtc,
  enumOf,
  execRows,
  float8,
  int4,
  int8,
  int8Number,
  int8Text,
  interval,
  jsonb,
  nestedArrayOf,
  nullableArrayOf,
  numeric,
  numericNumber,
  text,
  textual,
  timestampUtc,
  timestamptz,
  timestamptzText,
  uuid,
} = runtime;

const pair = compositeOf<{ a: number | null; b: string | null }>('pair', [
  ['a', int4],
  ['b', text],
]);
const mood = enumOf('mood', ['sad', 'ok']);

/** Values of every kind that a program without types may give, and those that break inside. */
const VALUES: Readonly<Record<string, unknown>> = {
  'an empty string': '',
  "'false'": 'false',
  "'12'": '12',
  "' 12'": ' 12',
  "'0x10'": '0x10',
  "'ok'": 'ok',
  'half a surrogate pair': 'a\ud800',
  true: true,
  12: 12,
  1.5: 1.5,
  NaN: Number.NaN,
  '2 ** 53': 2 ** 53,
  '12n': 12n,
  'a Date': new Date(0),
  'a Date that is none': new Date(Number.NaN),
  'a Date past 9999': new Date(8.64e15),
  'a Uint8Array': new Uint8Array([1]),
  'a Uint16Array': new Uint16Array([300]),
  '{}': {},
  '{ a: 1 }': { a: 1 },
  '{ a: 1, b: null }': { a: 1, b: null },
  '[]': [],
  '[12]': [12],
  "['12']": ['12'],
  '[null]': [null],
  '[undefined]': [undefined],
  '[[12]]': [[12]],
  'a Map': new Map([[1, 2]]),
  'a Set': new Set([12]),
  '{ n: NaN }': { n: Number.NaN },
  '{ d: a Date that is none }': { d: new Date(Number.NaN) },
  'an interval': { months: 1, days: 2, microseconds: 3n },
  'an interval of strings': { months: '1', days: 2, microseconds: '' },
  'a symbol': Symbol('s'),
  'a function': () => 12,
};

const STRINGS = ['an empty string', "'false'", "'12'", "' 12'", "'0x10'", "'ok'"];
const NUMBERS = ['12', '1.5', 'NaN', '2 ** 53'];
const ARRAYS = ['[]', '[12]', "['12']", '[null]', '[undefined]', '[[12]]'];

/** What each takes; it refuses all else. */
const TAKEN: readonly [codec: { readonly type: string }, takes: readonly string[]][] = [
  [text, STRINGS],
  [uuid, STRINGS],
  [numeric, STRINGS],
  [timestamptzText, STRINGS],
  [textual('inet'), STRINGS],
  [numericNumber, NUMBERS],
  [float8, NUMBERS],
  [int4, ['12']],
  [int8Number, ['12']],
  [int8, ['12', '12n']],
  [int8Text, ["'12'"]],
  [bool, ['true']],
  [bytea, ['a Uint8Array']],
  [timestamptz, ['a Date', 'a Date past 9999']],
  [timestampUtc, ['a Date', 'a Date past 9999']],
  [dateUtc, ['a Date', 'a Date past 9999']],
  [
    jsonb,
    [
      ...STRINGS,
      'half a surrogate pair',
      'true',
      ...['12', '1.5', '2 ** 53'],
      ...['a Date', 'a Date past 9999', 'a Uint8Array', 'a Uint16Array'],
      ...['{}', '{ a: 1 }', '{ a: 1, b: null }'],
      ...ARRAYS,
      'an interval of strings',
    ],
  ],
  [interval, ['an interval']],
  [mood, ["'ok'"]],
  [pair, ['{ a: 1, b: null }']],
  [arrayOf(int8), ['[]', '[12]']],
  [nullableArrayOf(int8), ['[]', '[12]', '[null]']],
  [nestedArrayOf(arrayOf(int8)), ['[]', '[[12]]']],
];

describe('every codec takes values of its type alone, and refuses others by the name of the parameter', () => {
  test('the table has every codec there is', () => {
    const codecs = Object.entries(runtime).filter(
      ([, value]) => typeof value === 'object' && 'encode' in value,
    );
    const tried = new Set(TAKEN.map(([codec]) => codec));
    expect(codecs.filter(([, codec]) => !tried.has(codec as never)).map(([name]) => name)).toEqual([]);
  });

  test.each(TAKEN.map(([codec, takes]) => [codec.type, codec, takes] as const))(
    '%s',
    (type, codec, takes) => {
      const query = execRows<{ given: unknown }>({
        ...{ name: 'Give', text: 'SELECT $1', operation: 'SELECT', columns: [] },
        params: [['given', codec as never]],
      });
      const taken = Object.keys(VALUES).filter((name) => {
        try {
          query.statement({ given: VALUES[name] });
          return true;
        } catch (error) {
          expect(error).toBeInstanceOf(MisuseError);
          expect((error as Error).message).toBe(`Give: parameter given is not a valid ${type}`);
          return false;
        }
      });
      expect(taken.sort()).toEqual([...takes].sort());
    },
  );
});

/** What a server with other settings, or a column of another type, would send. */
test.each<[{ decode(value: string): unknown }, readonly string[]]>([
  [bool, ['', 'yes', 'TRUE', '1']],
  [int4, ['', '1.5', 'a', '0x1', 'NaN']],
  [int8, ['', '1.5', 'a', '0x1', ' 1']],
  [int8Number, ['', 'a', '9007199254740993']],
  [int8Text, ['', 'a']],
  [float8, ['', 'a', '1,5']],
  [numericNumber, ['', 'a', '1,5 €']],
  [bytea, ['', 'abc', '\\000', '\\x0', '\\xzz', '\\x00zz']],
  [timestamptz, ['', '2024-01-01', '2024-01-01 10:00:00', '01/02/2024 10:00:00 CET']],
  [timestampUtc, ['', '2024-01-01', '2024-01-01 10:00:00+00', '01/02/2024 10:00:00']],
  [dateUtc, ['', '2024-01-01 10:00:00', '01/02/2024', '2024-01-01+00']],
  [interval, ['', '@ 1 day 1 hour 57 mins', '1 1:57:00', '1-2', '+1-2 -3 +4:05:06', 'P1DT1H']],
  [jsonb, ['', 'a']],
  [mood, ['', 'SAD']],
])('a text that is not of the type is refused and never taken for another value: %o', (codec, texts) => {
  for (const value of texts) expect(() => codec.decode(value), value).toThrow();
});

test.each([
  ['2024-01-02 03:04:05.678901+00', '2024-01-02T03:04:05.678Z'],
  ['2024-01-02 03:04:05+05:30', '2024-01-01T21:34:05.000Z'],
  ['1900-01-01 00:00:00+00:19:32', '1899-12-31T23:40:28.000Z'],
  ['1880-01-01 00:00:00-07:52:58', '1880-01-01T07:52:58.000Z'],
  ['0001-01-01 00:00:00Z', '0001-01-01T00:00:00.000Z'],
])('a time is read whatever its zone: %s', (value, iso) => {
  expect(timestamptz.decode(value).toISOString()).toBe(iso);
  expect(runtime.jsonDate.fromJson(value.replace(' ', 'T')).toISOString()).toBe(iso);
});
