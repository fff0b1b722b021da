import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import {
  type CompiledQuery,
  type Encoder,
  type Executor,
  InvalidColumnError,
  type QueryDefinition,
  RowCountError,
} from '../../src/query/index.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { textClient } from './support/executor.ts';
import { type GoldenCase, goldenCases } from './support/golden.ts';

const leftOut = new Set([
  // What these say of their columns is the author's promise, not a proof.
  'types/array-elements-not-null',
  'overrides/column-nullable',
  'overrides/query',
  // Reads a time before its tables were made.
  'cockroachdb/follower-read',
]);

const runnable = (await goldenCases(testEngine())).filter(
  ({ name, folder }) =>
    !leftOut.has(name) &&
    existsSync(path.join(folder, 'data.sql')) &&
    existsSync(path.join(folder, 'expected/queries.ts')),
);

/** Something that each type takes; the first of them is in the data. */
function sample(type: string, field: string): unknown {
  if (type.endsWith('[]')) return [sample(type.slice(0, -2), field)];
  if (type === 'order_status') return 'open';
  if (type === 'phase') return 'ready';
  if (type === 'mood') return 'ok';
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
  return Object.fromEntries(params.map(([field, codec]) => [field, choose(codec, field)]));
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
  const file = path.join(golden.folder, 'expected/queries.ts');
  const text = await readFile(file, 'utf8');
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

const schemas = Map.groupBy(
  await Promise.all(
    runnable.map(async (golden) => ({
      golden,
      setup: `${await readFile(path.join(golden.folder, 'schema.sql'), 'utf8')}\n${await readFile(path.join(golden.folder, 'data.sql'), 'utf8')}`,
    })),
  ),
  ({ setup }) => setup,
);

describe('generated functions tell the truth about the rows they give', () => {
  test.each([...schemas.keys()].map((setup, i) => [i + 1, setup] as const))('schema %i', async (_, setup) => {
    const database = await createEmptyTestDatabase();
    await using executor = await textClient(database.url);
    await executor.simple(setup);
    for (const { golden } of schemas.get(setup)!) await runAll(golden, executor);
  });
});
