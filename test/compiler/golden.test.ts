import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { QueryCache } from '../../src/compiler/index.ts';
import {
  type CompiledQuery,
  type Encoder,
  type Executor,
  InvalidColumnError,
  type QueryDefinition,
  RowCountError,
} from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { countingEngine } from './support/counting-engine.ts';
import { textClient } from './support/executor.ts';
import {
  accept,
  actualOf,
  type GoldenCase,
  goldenCases,
  goldenRoot,
  orphans,
  schemaOf,
  writeModules,
} from './support/golden.ts';

const cases = goldenCases(testEngine(), await postgresRelease());
/** The major version of the server of this run. */
async function postgresRelease(): Promise<number> {
  if (testEngine() === 'cockroachdb') return Infinity;
  const { rows } = await withAdmin(inject('holdfast').url, (client) =>
    client.query('SHOW server_version_num'),
  );
  return Math.floor(Number(rows[0].server_version_num) / 10_000);
}

const update = process.env['UPDATE_GOLDEN'] === '1';

beforeAll(writeModules);

describe('a golden case gives the modules or the messages that are beside it', () => {
  const actual = new Map<GoldenCase, Record<string, string>>();
  let engine: Engine;
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'holdfast-golden-'));
    engine = await openEngine({ url: inject('holdfast').url });
  });
  afterAll(async () => {
    if (update) await accept(actual);
    await engine.close();
    await rm(scratch, { recursive: true, force: true });
  });
  const cacheOf = ({ name }: GoldenCase) =>
    new QueryCache({ root: path.join(scratch, name), path: 'config' });

  test.each(cases)('$name', async (golden) => {
    actual.set(golden, await actualOf(golden, engine, cacheOf(golden)));
    if (!update) expect(actual.get(golden)).toEqual(golden.expected);
  });

  test('what was compiled comes out of the cache as it went in, and no database is asked', async () => {
    const asked = countingEngine(engine);
    for (const [golden, outputs] of actual)
      if ('queries.ts' in outputs)
        expect(await actualOf(golden, asked.engine, cacheOf(golden)), golden.name).toEqual(outputs);
    expect(asked.databases).toBe(0);
  });

  test('there are 306 of them, and 45 of CockroachDB, at least', () => {
    expect(goldenCases('postgresql').length).toBeGreaterThanOrEqual(306);
    expect(goldenCases('cockroachdb').length).toBeGreaterThanOrEqual(45);
  });

  test('no two of them have the same name, and each expected text belongs to one', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    expect(orphans()).toEqual([]);
  });
});

/** What the check of a tool says of the generated modules; nothing where all is well. */
async function saidBy(script: string, args: readonly string[]): Promise<string> {
  const file = path.resolve(goldenRoot, '../../node_modules', script);
  return promisify(execFile)(process.execPath, [file, ...args], { encoding: 'utf8' }).then(
    () => '',
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

test('every generated module passes the strict type check', async () => {
  expect(await saidBy('typescript/bin/tsc', ['--project', goldenRoot])).toBe('');
});

test('every generated module is formatted as Biome would', async () => {
  const config = path.join(goldenRoot, 'biome.json');
  expect(await saidBy('@biomejs/biome/bin/biome', ['check', '--config-path', config, goldenRoot])).toBe('');
});

const leftOut = new Set([
  // What these say of their columns is the author's promise, not a proof.
  'types/array-elements-not-null',
  'overrides/column-nullable',
  'overrides/query',
  'overrides/wildcard',
  'sqlc/marks',
  // Reads a time before its tables were made.
  'cockroachdb/follower-read',
]);

const runnable = cases.filter(
  ({ name, schema, expected }) =>
    !leftOut.has(name) && schemaOf(schema).data !== undefined && 'queries.ts' in expected,
);

/** Something that each type takes; the first of them is in the data. */
function sample(type: string, field: string): unknown {
  if (type.endsWith('[]')) return [sample(type.slice(0, -2), field)];
  if (type === 'order_status') return 'open';
  if (type === 'phase') return 'ready';
  if (type === 'mood') return 'ok';
  if (type === 'my_type') return 'plain';
  if (type === 'My Type') return 'quoted';
  if (type === 'home_address') return { streetName: 'a', street_name: null, houseNumber: 1 };
  if (type === 'address') return { street: 'a, "b"', number: null, moods: ['ok', 'very happy'] };
  const values: Readonly<Record<string, unknown>> = {
    uuid: '00000000-0000-4000-8000-000000000002',
    int8: 1n,
    int4: 1,
    float8: 0.5,
    numeric: '2.5',
    bool: true,
    timestamptz: new Date('2026-01-01T00:00:00Z'),
    bytea: new Uint8Array([0, 255]),
    jsonb: { a: [1, null] },
    interval: { months: 1, days: -2, microseconds: 3n },
    date: '2026-02-03',
    time: '04:05',
    timestamp: '2026-02-03 04:05',
    inet: '10.0.0.1',
    int4range: '[1,3)',
    box: '(1,1),(0,0)',
  };
  return values[type] ?? (field === 'name' ? 'Ada' : 'x');
}

function samples({ params }: QueryDefinition): Record<string, unknown> {
  // An int8 is a bigint, a number or digits, as the case chose.
  const accepted = (codec: Encoder, value: unknown) => {
    try {
      return codec.encode(value as never) !== undefined;
    } catch {
      return false;
    }
  };
  const choose = (codec: Encoder, field: string) =>
    [
      sample(codec.type, field),
      [sample(codec.type, field)],
      [[sample(codec.type, field)]],
      1,
      '1',
      { colour: 'red' },
      { cents: 5n },
    ].find((value) => accepted(codec, value));
  const given: Record<string, unknown> = {};
  for (const [path, codec] of params) {
    // A field of an object, `user.name`, or of each object of a list, `users[].name`.
    const [, owner, list, field] = /^([^.[]+)(\[\])?\.(.+)$/.exec(path) ?? [];
    if (owner === undefined) given[path] = choose(codec, path);
    else {
      const before = given[owner] as { readonly [field: string]: unknown }[] | undefined;
      const object = { ...(list ? before?.[0] : before), [field!]: choose(codec, field!) };
      given[owner] = list ? [object, object] : object;
    }
  }
  return given;
}

type Call = (executor: Executor, params: unknown) => Promise<unknown> | AsyncIterable<unknown>;

async function drain(answer: Promise<unknown> | AsyncIterable<unknown>): Promise<void> {
  if (Symbol.asyncIterator in answer) for await (const _ of answer);
  else await answer;
}

/** Bulk inserts take rows, batches take sets, the rest one object. */
function argumentFor(query: object, definition: QueryDefinition, text: string): unknown {
  const one = samples(definition);
  return 'query' in query && !('then' in query) && /batch\(/.test(text)
    ? [one, one]
    : /insertRows/.test(text)
      ? [one]
      : one;
}

async function runAll(golden: GoldenCase, executor: Executor & { simple(text: string): Promise<void> }) {
  const file = path.join(golden.modules, 'queries.ts');
  const text = golden.expected['queries.ts']!;
  const module = (await import(pathToFileURL(file).href)) as Record<string, object>;
  for (const [name, query] of Object.entries(module)) {
    // Schemas and codecs of a case are objects.
    if (name === 'bind' || (typeof query as string) !== 'function') continue;
    const inner = 'query' in query ? (query.query as CompiledQuery<unknown, unknown, unknown>) : query;
    const { definition } = inner as { definition: QueryDefinition };
    // What reads the past cannot stand in a transaction that has begun now.
    const alone = /AS OF SYSTEM TIME/.test(definition.text);
    if (!alone) await executor.simple('BEGIN');
    try {
      await drain((query as Call)(executor, argumentFor(query, definition, text)));
    } catch (error) {
      // Sample values may break a constraint or find no row; a lie about a column is what is looked for.
      expect(error, `${golden.name} ${name}`).not.toBeInstanceOf(InvalidColumnError);
      if (!(error instanceof DatabaseError) && !(error instanceof RowCountError)) throw error;
      if (error instanceof DatabaseError) expect(error.code, error.message).toMatch(/^(23|21|22|25P02)/);
    } finally {
      if (!alone) await executor.simple('ROLLBACK');
    }
  }
}

const bySchema = [...Map.groupBy(runnable, ({ schema }) => schema)];

describe('generated functions tell the truth about the rows they give', () => {
  test.each(bySchema)('schema %s', async (name, ofSchema) => {
    const database = await createEmptyTestDatabase();
    await using executor = await textClient(database.url);
    const { schema, data } = schemaOf(name);
    await executor.simple(`${schema}\n${data}`);
    for (const golden of ofSchema) await runAll(golden, executor);
  });
});
