import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { analyze } from '../../src/compiler/analyze.ts';
import type { AnalyzedColumn } from '../../src/compiler/analyzed.ts';
import { parseConfig } from '../../src/compiler/config-schema.ts';
import type { Diagnostic } from '../../src/compiler/diagnostic.ts';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { rewrite } from '../../src/compiler/source/parameters.ts';
import { readQueries } from '../../src/compiler/source/read-queries.ts';
import type { Shape } from '../../src/compiler/types/type-use.ts';
import { createEmptyTestDatabase, seededRandom, testEngine } from '../support/database.ts';
import { textClient } from './support/executor.ts';
import { postgresData, postgresSchema, RandomPostgresQuery } from './support/random-postgres-query.ts';
import { propertySchema, RandomQuery, randomData } from './support/random-query.ts';

const queries = Number(process.env['HOLDFAST_PROPERTY_QUERIES'] ?? 400);
const dataSets = 6;
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 14);
const postgresql = testEngine() === 'postgresql';
const schema = postgresql ? postgresSchema : propertySchema;

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ url: inject('holdfast').url });
});
afterAll(() => engine.close());

/** The statements as the compiler understands them; it must understand all. */
async function analyzed(statements: readonly string[], command: string) {
  const text = statements.map((sql, i) => `-- name: Q${i} :${command}\n${sql};\n`).join('\n');
  const problems: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic) => problems.push(diagnostic);
  const [target] = parseConfig('{"compile":[{"queries":"q.sql","out":"q"}]}', 'config');
  const database = await engine.database([{ path: 'schema.sql', text: schema }]);
  const read = readQueries({ path: 'q.sql', text }, 'sqlc', report).map(rewrite);
  const found = await analyze(read, database, target!, report);
  expect(problems.map(({ query, message }) => `${message}: ${statements[Number(query?.slice(1))]}`)).toEqual(
    [],
  );
  return found;
}

/** What a value says against what is claimed of its column. */
function lie({ nullable, use }: AnalyzedColumn, value: string | null): string | undefined {
  if (value === null) return nullable ? undefined : 'NULL';
  if (/^(nestedArrayOf\()*arrayOf\(/.test(use.codec) && /[{,]NULL[,}]/.test(value)) return `NULL in ${value}`;
  return use.json && misfit(use.json, JSON.parse(value));
}

/** Where a document is not of the shape, or holds a null where there is none. */
function misfit(shape: Shape, value: unknown): string | undefined {
  if (shape.kind === 'leaf')
    return value === null && shape.ts !== 'unknown' ? `null for ${shape.ts}` : undefined;
  if (shape.kind === 'nullable') return value === null ? undefined : misfit(shape.of, value);
  if (shape.kind === 'array')
    return Array.isArray(value)
      ? value.map((item) => misfit(shape.of, item)).find((found) => found !== undefined)
      : `${JSON.stringify(value)} for an array`;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `${JSON.stringify(value)} for an object`;
  const fields = shape.kind === 'object' ? shape.fields : [];
  return fields
    .map(([key, inner]) => misfit(inner, (value as Record<string, unknown>)[key] ?? null))
    .find((found) => found !== undefined);
}

test(
  'no random query ever gives NULL in a column, an element or a document that was proved never to hold it',
  async () => {
    const random = seededRandom('nullability', { seed });
    const writer = postgresql
      ? new RandomPostgresQuery(random, engine.serverVersion)
      : new RandomQuery(random);
    const found = await analyzed(
      Array.from({ length: queries }, () => writer.statement()),
      'many',
    );
    const proved = found.flatMap((query) => query.columns).filter((column) => !column.nullable).length;
    // The property would hold for a prover that proves nothing.
    expect(proved).toBeGreaterThan(queries / 4);

    const data = await createEmptyTestDatabase();
    await using client = await textClient(data.url);
    await client.simple(schema);
    const lies = new Set<string>();
    for (let i = 0; i < dataSets; i++) {
      await client.simple('DELETE FROM t1; DELETE FROM t2; DELETE FROM t3');
      await client.simple(postgresql ? postgresData(random) : randomData(random));
      if (postgresql) await client.simple('ANALYZE');
      for (const query of found) {
        const { rows } = await client.execute({ text: query.text, values: [] });
        for (const [c, column] of query.columns.entries())
          for (const row of rows) {
            const seen = lie(column, row[c] ?? null);
            if (seen) lies.add(`${column.name}: ${seen}, though "${column.reason}", in ${query.text}`);
          }
      }
    }
    expect([...lies]).toEqual([]);
  },
  300_000 + queries * 50,
);

test.runIf(postgresql)(
  'no random change refuses the NULL that a parameter, or an element of one, was said to take',
  async () => {
    const random = seededRandom('parameters', { seed });
    const writer = new RandomPostgresQuery(random, engine.serverVersion);
    const found = await analyzed(
      Array.from({ length: queries / 2 }, () => writer.change()),
      'exec',
    );
    const takers = found.flatMap((query) => query.params).filter((param) => param.nullable).length;
    expect(takers).toBeGreaterThan(queries / 4);

    const data = await createEmptyTestDatabase();
    await using client = await textClient(data.url);
    await client.simple(schema);
    await client.simple(`${randomData(random)} INSERT INTO target (id, a, d) VALUES (2, 1, 1);`);
    const lies: string[] = [];
    for (const query of found) {
      const values = query.params.map(({ nullable, elementsNullable, sqlType, field }) => {
        if (sqlType.endsWith('[]')) return elementsNullable ? '{NULL}' : '{7}';
        return nullable ? null : field === 'id' ? random.pick(['2', '3']) : '5';
      });
      await client.simple('BEGIN');
      await client.execute({ text: query.text, values }).catch((error: unknown) => {
        // A NULL that is refused; two rows of one key are another matter.
        if (!(error instanceof DatabaseError) || error.code !== '23505') lies.push(`${error}: ${query.text}`);
      });
      await client.simple('ROLLBACK');
    }
    expect(lies).toEqual([]);
  },
  300_000 + queries * 50,
);
