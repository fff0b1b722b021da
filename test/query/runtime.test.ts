import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MisuseError } from '../../src/index.ts';
import {
  arrayOf,
  batch,
  bindAll,
  compositeOf,
  dateUtc,
  type Executor,
  execRows,
  insertRows,
  int4,
  int8,
  interval,
  iter,
  jsonArray,
  jsonBigint,
  jsonb,
  jsonDigits,
  jsonNullable,
  jsonNumber,
  jsonObject,
  jsonOf,
  jsonString,
  many,
  maybe,
  type NoParams,
  nestedArrayOf,
  nullableArrayOf,
  type OrderBy,
  one,
  RowCountError,
  type Statement,
  text,
  textual,
  timestamptz,
  timestampUtc,
  validated,
} from '../../src/query/index.ts';
import { type TextClient, textClient } from '../compiler/support/executor.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';

let client: TextClient;
const sent: string[] = [];
/** Notes what is sent. */
const executor: Executor = {
  execute: (statement: Statement) => {
    sent.push(statement.text);
    return client.execute(statement);
  },
};

beforeAll(async () => {
  const database = await createEmptyTestDatabase();
  client = await textClient(database.url);
  await client.simple('CREATE TABLE item (id INT8 PRIMARY KEY, name TEXT)');
});
afterAll(() => client[Symbol.asyncDispose]());
beforeEach(async () => {
  await client.simple('DELETE FROM item');
  sent.length = 0;
});

interface Item {
  readonly id: bigint;
  readonly name: string | null;
}
const params = [
  ['id', int8],
  ['name', text, 'null'],
] as const;
const columns = params;
const add = execRows<Item>({
  name: 'Add',
  text: 'INSERT INTO item VALUES ($1, $2)',
  operation: 'INSERT',
  params,
  columns: [],
});
const addMany = insertRows<Item>({
  name: 'AddMany',
  text: 'INSERT INTO item SELECT r.c1, r.c2 FROM unnest($1::INT8[], $2::TEXT[]) AS r (c1, c2)',
  operation: 'INSERT',
  params,
  columns: [],
});
const list = {
  name: 'List',
  text: 'SELECT id, name FROM item ORDER BY id',
  operation: 'SELECT',
  params: [],
  columns,
};
const items = (n: number): Item[] =>
  Array.from({ length: n }, (_, i) => ({ id: BigInt(i), name: i % 2 ? null : `n"\\,${i}` }));

test('rows inserted in bulk come back as they were, in one statement', async () => {
  expect(await addMany(executor, items(100))).toBe(100);
  expect(sent.length).toBe(1);
  expect(await many<NoParams, Item>(list)(executor)).toEqual(items(100));
  expect(await addMany(executor, [])).toBe(0);
});

test('a batch is sent as a whole before the first answer, and answered in order', async () => {
  const answers = batch(add)(executor, items(3));
  expect(sent.length).toBe(3);
  expect(await answers).toEqual([1, 1, 1]);
});

test('a batch with one bad set sends nothing', async () => {
  const bad = [
    { id: 1n, name: 'a' },
    { id: undefined as unknown as bigint, name: 'b' },
  ];
  await expect(batch(add)(executor, bad)).rejects.toThrow(MisuseError);
  expect(sent).toEqual([]);
});

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

describe('a stream', () => {
  const stream = iter<NoParams, Item>(list);

  // CockroachDB has cursors from 22.2; before, the whole result is one page.
  test.runIf(testEngine() === 'postgresql')('fetches a page only when the one before was taken', async () => {
    await addMany(executor, items(10));
    await client.simple('BEGIN');
    sent.length = 0;
    const fetches = () => sent.filter((statement) => statement.startsWith('FETCH')).length;
    const rows = stream(executor, {}, { fetchRows: 4 });
    for (let i = 0; i < 4; i++) await rows.next();
    expect(fetches()).toBe(1);
    await rows.next();
    expect(fetches()).toBe(2);
    await rows.return();
    expect(sent.at(-1)).toMatch(/^CLOSE/);
    await client.simple('COMMIT');
  });

  test('leaves nothing prepared: the names of cursors never come again', async () => {
    const marks: unknown[] = [];
    const watching: Executor = {
      execute: (statement) => {
        if (/^(DECLARE|FETCH|CLOSE)/.test(statement.text)) marks.push(statement.prepare);
        return executor.execute(statement);
      },
    };
    await client.simple('BEGIN');
    await collect(stream(watching, {}, { fetchRows: 3 }));
    await client.simple('COMMIT');
    expect(new Set(marks)).toEqual(new Set(testEngine() === 'postgresql' ? [false] : []));
  });

  test('gives every row, inside a transaction and outside of one', async () => {
    await addMany(executor, items(10));
    expect(await collect(stream(executor))).toEqual(items(10));
    await client.simple('BEGIN');
    expect(await collect(stream(executor, {}, { fetchRows: 3 }))).toEqual(items(10));
    await client.simple('COMMIT');
  });
});

test('one and maybe insist on their number of rows', async () => {
  await expect(one<NoParams, Item>(list)(executor)).rejects.toThrow(RowCountError);
  expect(await maybe<NoParams, Item>(list)(executor)).toBeUndefined();
  await addMany(executor, items(2));
  await expect(maybe<NoParams, Item>(list)(executor)).rejects.toThrow(RowCountError);
});

test('bound queries are methods of their transaction', async () => {
  const bound = bindAll({ add, addMany })(executor);
  expect(await bound.add({ id: 1n, name: null })).toBe(1);
  expect(await bound.addMany(items(1))).toBe(1);
});

describe('a query with optional parts', () => {
  interface Find {
    readonly name?: string | undefined;
    readonly above?: bigint | undefined;
    readonly orderBy?: OrderBy<'id' | 'name'> | undefined;
  }
  const find = many<Find, Item>({
    ...list,
    params: [
      ['name', text],
      ['above', int8],
    ],
    parts: [
      'SELECT id, name FROM item WHERE true',
      { when: [0], parts: [' AND name = ', 0] },
      { when: [1], parts: [' AND id > ', 1] },
      ' ORDER BY ',
      { order: 'id', choices: { id: 'id', name: 'name' } },
      ', id',
    ],
  });

  test('has only those that are asked for, numbered anew', () => {
    expect(find.statement({})).toMatchObject({
      text: 'SELECT id, name FROM item WHERE true ORDER BY id, id',
      values: [],
    });
    expect(find.statement({ above: 3n })).toMatchObject({
      text: 'SELECT id, name FROM item WHERE true AND id > $1 ORDER BY id, id',
      values: ['3'],
    });
    expect(
      find.statement({ name: 'a', above: 3n, orderBy: { column: 'name', direction: 'desc' } }),
    ).toMatchObject({
      text: 'SELECT id, name FROM item WHERE true AND name = $1 AND id > $2 ORDER BY name DESC, id',
      values: ['a', '3'],
    });
  });

  test('refuses an order that is not on its list', () => {
    const injected = { column: 'id; DROP TABLE item' as 'id' };
    expect(() => find.statement({ orderBy: injected })).toThrow(MisuseError);
    expect(() =>
      find.statement({ orderBy: { column: 'id', direction: 'asc, (SELECT 1)' as 'asc' } }),
    ).toThrow(MisuseError);
    expect(() => find.statement({ orderBy: { column: 'constructor' as 'id' } })).toThrow(MisuseError);
  });

  test('takes an empty object for nothing asked', async () => {
    await addMany(executor, items(2));
    expect(await find(executor)).toHaveLength(2);
  });
});

describe('codecs', () => {
  test('digits of numbers inside JSON are kept', () => {
    const shape = jsonOf('json', jsonArray(jsonObject({ id: jsonBigint })));
    expect(shape.decode('[{"id": 9007199254740993}]')).toEqual([{ id: 9007199254740993n }]);
  });

  test.each([
    ['1 year 2 mons -3 days +04:05:06.000007', { months: 14, days: -3, microseconds: 14_706_000_007n }],
    ['-00:00:00.5', { months: 0, days: 0, microseconds: -500_000n }],
    ['00:00:00', { months: 0, days: 0, microseconds: 0n }],
  ])('interval %s', (value, expected) => {
    expect(interval.decode(value)).toEqual(expected);
  });

  test('an array of arrays is read and written level by level, and one of other dimensions is refused', () => {
    const cube = nestedArrayOf(nestedArrayOf(nullableArrayOf(text)));
    const value = [
      [
        ['a,"b', '{}'],
        [null, 'c\\d'],
      ],
    ];
    expect(cube.decode(cube.encode(value))).toEqual(value);
    expect(cube.decode('[0:0][2:3][1:1]={{{x},{y}}}')).toEqual([[['x'], ['y']]]);
    expect(cube.decode('{}')).toEqual([]);
    expect(() => cube.decode('{{a},{b}}')).toThrow('fewer dimensions');
    expect(() => cube.decode('{"{{a}}"}')).toThrow('fewer dimensions');
    expect(() => arrayOf(text).decode('{{a},{b}}')).toThrow('"dimensions" in the configuration');
  });

  test('an array refuses the NULL that it was promised not to hold', () => {
    expect(() => arrayOf(text).decode('{a,NULL}')).toThrow('NULL');
    expect(arrayOf(text).decode('{a,"NULL","b\\"c"}')).toEqual(['a', 'NULL', 'b"c']);
  });

  test.each([
    ['2026-02-03 04:05:06.789123+00', '2026-02-03T04:05:06.789Z', '2026-02-03T04:05:06.789Z'],
    ['2026-02-03 04:05:06-03:30', '2026-02-03T07:35:06.000Z', '2026-02-03T07:35:06.000Z'],
    ['1890-01-01 00:53:28+00:53:28', '1890-01-01T00:00:00.000Z', '1890-01-01T00:00:00.000Z'],
    ['0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00.000Z', '0044-03-15T12:00:00.000Z BC'],
    ['0001-12-31 23:59:59.5+00 BC', '0000-12-31T23:59:59.500Z', '0001-12-31T23:59:59.500Z BC'],
    ['12026-01-01 00:00:00+00', '+012026-01-01T00:00:00.000Z', '12026-01-01T00:00:00.000Z'],
    ['infinity', '+275760-09-13T00:00:00.000Z', 'infinity'],
    ['-infinity', '-271821-04-20T00:00:00.000Z', '-infinity'],
  ])('the time %s is %s, and goes back as %s', (value, iso, text) => {
    expect(timestamptz.decode(value).toISOString()).toBe(iso);
    expect(timestamptz.encode(timestamptz.decode(value))).toBe(text);
  });

  test.runIf(testEngine() === 'postgresql')(
    'times at the ends go to the server and come back as they were',
    async () => {
      for (const value of ['infinity', '-infinity', '0044-03-15 12:00:00+00 BC', '12026-01-01 00:00:00+00']) {
        const sent = timestamptz.encode(timestamptz.decode(value));
        const { rows } = await client.execute({ text: 'SELECT $1::TIMESTAMPTZ::TEXT', values: [sent] });
        expect(timestamptz.decode(rows[0]![0]!)).toEqual(timestamptz.decode(value));
      }
    },
  );

  test.runIf(testEngine() === 'postgresql').each([
    ['TIMESTAMP', timestampUtc, '2026-02-03 04:05:06.789', '2026-02-03T04:05:06.789Z'],
    ['TIMESTAMP', timestampUtc, '0044-03-15 12:00:00 BC', '-000043-03-15T12:00:00.000Z'],
    ['TIMESTAMP', timestampUtc, 'infinity', '+275760-09-13T00:00:00.000Z'],
    ['DATE', dateUtc, '2026-02-03', '2026-02-03T00:00:00.000Z'],
    ['DATE', dateUtc, '0044-03-15 BC', '-000043-03-15T00:00:00.000Z'],
    ['DATE', dateUtc, '12026-01-01', '+012026-01-01T00:00:00.000Z'],
    ['DATE', dateUtc, '-infinity', '-271821-04-20T00:00:00.000Z'],
  ])('the %s of a Date in UTC is the same in every zone: %s %s', async (type, codec, value, iso) => {
    expect(codec.decode(value).toISOString()).toBe(iso);
    await client.execute({ text: "SET TIME ZONE 'America/New_York'", values: [] });
    const values = [codec.encode(new Date(iso))];
    const { rows } = await client.execute({ text: `SELECT $1::${type}::TEXT`, values });
    await client.execute({ text: 'RESET TIME ZONE', values: [] });
    expect(rows).toEqual([[value]]);
  });

  test('a Date with a time of day is no DATE, whose day would depend on the zone', () => {
    expect(() => dateUtc.encode(new Date('2026-02-03T23:00:00Z'))).toThrow(
      'not the beginning of a day in UTC',
    );
    expect(() => timestampUtc.encode(new Date(Number.NaN))).toThrow();
  });

  test('JSON null is a value of a parameter that takes no NULL, and undefined is missing', async () => {
    const kind = many<{ doc: unknown }, { kind: string | null }>({
      name: 'Kind',
      text: 'SELECT jsonb_typeof($1::JSONB) AS kind',
      params: [['doc', jsonb]],
      columns: [['kind', text, 'null']],
    });
    expect(await kind(executor, { doc: null })).toEqual([{ kind: 'null' }]);
    await expect(kind(executor, { doc: undefined })).rejects.toThrow('doc is missing');
  });

  test('a Date refuses what it cannot hold, and so does the server what is none', () => {
    for (const value of ['294276-12-31 23:59:59+00', 'tomorrow', '2026-02-03'])
      expect(() => timestamptz.decode(value)).toThrow(value);
    expect(() => timestamptz.encode(new Date(Number.NaN))).toThrow();
  });

  test('an infinite interval is as the server holds it, both ways', () => {
    for (const value of ['infinity', '-infinity'])
      expect(interval.encode(interval.decode(value))).toBe(value);
    expect(interval.decode('-infinity')).toEqual({
      months: -(2 ** 31),
      days: -(2 ** 31),
      microseconds: -(2n ** 63n),
    });
  });

  test('elements stand apart by the delimiter of their type, on every level', () => {
    const boxes = arrayOf(textual('box', ';'));
    expect(boxes.decode('{(1,1),(0,0);(3,3),(2,2)}')).toEqual(['(1,1),(0,0)', '(3,3),(2,2)']);
    expect(boxes.encode(['(1,1),(0,0)', '(3,3),(2,2)'])).toBe('{"(1,1),(0,0)";"(3,3),(2,2)"}');
    const grid = nestedArrayOf(boxes);
    expect(grid.decode('{{(1,1),(0,0)};{(3,3),(2,2)}}')).toEqual([['(1,1),(0,0)'], ['(3,3),(2,2)']]);
    expect(grid.encode(grid.decode('{{(1,1),(0,0)};{(3,3),(2,2)}}'))).toBe(
      '{{"(1,1),(0,0)"};{"(3,3),(2,2)"}}',
    );
  });

  test.runIf(testEngine() === 'postgresql')(
    'values of rows stand apart by the delimiter of their type, and arrays among them by a comma',
    async () => {
      const box = textual('box', ';');
      const fields = many<{ rows: readonly object[] }, { fields: string }>({
        name: 'Fields',
        text: 'SELECT ROW(r.c1, r.c2::BOX[])::TEXT AS fields FROM unnest($1::BOX[], $2::TEXT[]) AS r (c1, c2)',
        params: [
          ['rows[].one', box],
          ['rows[].two', arrayOf(box)],
        ],
        columns: [['fields', text]],
      });
      const [a, b] = ['(1,1),(0,0)', '(3,3),(2,2)'];
      const rows = [
        { one: a, two: [a, b] },
        { one: b, two: [] },
      ];
      expect(await fields(executor, { rows })).toEqual([
        { fields: `("${a}","{${a};${b}}")` },
        { fields: `("${b}",{})` },
      ]);
    },
  );

  test('a null or a hole never becomes a word in an array', () => {
    const holes = Array<string>(2);
    for (const items of [[null], [undefined], holes])
      expect(() => arrayOf(text).encode(items as string[])).toThrow('NULL');
    expect(nullableArrayOf(text).encode(['a', null])).toBe('{"a",NULL}');
    // Of JSON, null is a value like others.
    expect(arrayOf(jsonb).encode([null, 1])).toBe('{"null","1"}');
  });

  test('a field of a row is never null where the table says so', () => {
    const codec = compositeOf<{ id: number; note: string | null }>('item', [
      ['id', int4, 'notnull'],
      ['note', text],
    ]);
    expect(codec.decode('(1,)')).toEqual({ id: 1, note: null });
    expect(() => codec.decode('(,x)')).toThrow('item.id is NULL');
    expect(() => codec.encode({ id: null, note: 'x' } as never)).toThrow('item.id is NULL');
    expect(() => codec.encode({ note: 'x' } as never)).toThrow('without the field id');
    expect(() => codec.decode('(1)')).toThrow('1 fields');
  });

  test('what JSON has no number for is read from the string that stands for it', () => {
    const shape = jsonOf('jsonb', jsonArray(jsonNumber));
    expect(shape.decode('["NaN", "Infinity", "-Infinity", 1.5]')).toEqual([NaN, Infinity, -Infinity, 1.5]);
    expect(jsonOf('jsonb', jsonArray(jsonDigits)).decode('["NaN", 1.50]')).toEqual(['NaN', '1.50']);
    expect(() => shape.decode('["x"]')).toThrow('not a JSON number');
  });

  test("a key called as an object's own parts is a key like others", () => {
    const shape = jsonOf(
      'jsonb',
      jsonObject({ ['__proto__']: jsonString, toString: jsonNullable(jsonString) }),
    );
    expect(Object.entries(shape.decode('{"__proto__": "x"}'))).toEqual([
      ['__proto__', 'x'],
      ['toString', null],
    ]);
  });

  test('a schema is asked on the way in and on the way out', () => {
    const even = {
      parse: (value: unknown) => (Number(value) % 2 === 0 ? (value as bigint) : expect.fail('odd')),
    };
    const codec = validated(int8, even);
    expect(codec.decode('2')).toBe(2n);
    expect(() => codec.encode(3n)).toThrow('odd');
    expect(() => codec.decode('3')).toThrow('odd');
  });
});
