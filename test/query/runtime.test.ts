import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MisuseError } from '../../src/index.ts';
import {
  arrayOf,
  batch,
  bindAll,
  type Executor,
  execRows,
  insertRows,
  int8,
  interval,
  iter,
  jsonArray,
  jsonBigint,
  jsonObject,
  jsonOf,
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
  timestamptz,
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

  test('a Date refuses what it cannot hold', () => {
    expect(() => timestamptz.decode('infinity')).toThrow('infinity');
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
