import { loadModule } from 'libpg-query';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { mainTree } from '../../src/compiler/analysis/main-tree.ts';
import { cockroachSymbols } from '../../src/compiler/cockroach/functions.ts';
import { resolveStatement } from '../../src/compiler/cockroach/resolve.ts';
import type { Catalog } from '../../src/compiler/engine/catalog.ts';
import { type CompileDatabase, type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import type { TreeNode } from '../../src/compiler/engine/node-tree.ts';
import { acceptsNull, type ColumnRef, parameterUses } from '../../src/compiler/nullability/parameter-uses.ts';
import { Prover } from '../../src/compiler/nullability/prove.ts';
import { anyParameters } from '../../src/compiler/nullability/verdict.ts';
import { rewrite } from '../../src/compiler/source/parameters.ts';
import { readQueries } from '../../src/compiler/source/read-queries.ts';
import { testEngine } from '../support/database.ts';
import { goldenCases, schemaOf } from './support/golden.ts';

// CockroachDB shows no analysed query, so the compiler resolves names itself. PostgreSQL does, and has the same grammar:
// on its catalog both must find the same.

let engine: Engine;
beforeAll(async () => {
  await loadModule();
  engine = await openEngine({ url: inject('holdfast').url });
});
afterAll(() => engine.close());

function asCockroach(catalog: Catalog): Catalog {
  const names = { database: 'd', searchPath: ['public'], views: new Map(), unstable: new Set<string>() };
  return { ...catalog, ...cockroachSymbols(), dialect: 'cockroachdb', cockroach: names };
}

const named = (columns: readonly ColumnRef[]) =>
  [...new Set(columns.map(({ table, column }) => `${table.name}.${column.name}`))].sort();

function usesIn(tree: TreeNode, catalog: Catalog) {
  return [...parameterUses(tree, catalog)]
    .sort(([a], [b]) => a - b)
    .map(([n, use]) => ({
      n,
      assigned: named(use.assigned),
      elements: named(use.elements),
      compared: named(use.compared),
      clause: use.clause,
      null: acceptsNull(use, catalog),
    }));
}

interface Resolved {
  readonly text: string;
  readonly own: TreeNode;
  readonly theirs: TreeNode;
  readonly database: CompileDatabase;
}

async function resolvedOf(schema: string, texts: readonly string[]): Promise<Resolved[]> {
  const database = await engine.database([{ path: 'schema.sql', text: schemaOf(schema).schema }]);
  const described = await database.describe(texts);
  return texts.flatMap((text, i) => {
    const description = described[i]!;
    if (description instanceof DatabaseError) return [];
    const theirs = mainTree(text, description, database);
    const own = resolveStatement(text, description, asCockroach(database.catalog));
    return own && theirs ? [{ text, own, theirs, database }] : [];
  });
}

describe.runIf(testEngine() === 'postgresql')('names that the compiler resolves itself', () => {
  // Operators on paths, and the time of day of infinity: what they give is PostgreSQL's affair.
  const onlyThere = new Set(['nullability/closed-paths', 'nullability/infinite-time']);
  const cases = goldenCases('postgresql').filter(
    ({ theme, name }) => ['parameters', 'nullability', 'people'].includes(theme) && !onlyThere.has(name),
  );
  const bySchema = [...Map.groupBy(cases, ({ schema }) => schema)];

  test.each(bySchema)('mean what PostgreSQL says they do: schema %s', async (schema, ofSchema) => {
    const texts = ofSchema.flatMap(({ queries }) =>
      readQueries({ path: 'q.sql', text: queries }, 'sqlc', () => {}).map((query) => rewrite(query).text),
    );
    const found = await resolvedOf(schema, texts);
    expect(found.length).toBeGreaterThan(texts.length / 2);
    for (const { text, own, theirs, database } of found) {
      const catalog = asCockroach(database.catalog);
      expect(usesIn(own, catalog), text).toEqual(usesIn(theirs, database.catalog));
      const verdicts = new Prover(database.catalog, anyParameters).columns(theirs);
      for (const [i, verdict] of new Prover(catalog, anyParameters).columns(own).entries())
        if (!verdict.nullable) expect(verdicts[i]?.nullable, `${i}: ${verdict.reason}: ${text}`).toBe(false);
    }
  });

  const proofs = async (schema: string, text: string) => {
    const [found] = await resolvedOf(schema, [text]);
    const catalog = asCockroach(found!.database.catalog);
    const prover = new Prover(catalog, anyParameters);
    return { columns: prover.columns(found!.own), uses: usesIn(found!.own, catalog) };
  };

  test('prove a count of whole rows, a clock beside it or not', async () => {
    const { columns } = await proofs('shop', 'SELECT count(c) FROM customer AS c WHERE created_at > now()');
    expect(columns).toMatchObject([{ nullable: false }]);
  });

  test.each([
    ['INSERT INTO customer (name, email) VALUES ($1, $1::TEXT || $2::TEXT)', [false]],
    ['INSERT INTO customer (email, name) VALUES ($1, upper($1::TEXT))', [true]],
    ['UPDATE customer SET name = COALESCE($1, name), email = $2', [true, true]],
  ])('tell which parameters may be null: %s', async (text, nullable) => {
    const { uses } = await proofs('shop', text);
    expect(uses.map((use) => use.null)).toEqual(nullable);
  });

  test('tell what to call the parameters of LIMIT, OFFSET and COALESCE', async () => {
    const { uses } = await proofs('shop', 'SELECT name FROM customer WHERE email = $1 LIMIT $2 OFFSET $3');
    expect(uses.map(({ compared, clause }) => clause ?? compared.join())).toEqual([
      'customer.email',
      'limit',
      'offset',
    ]);
  });
});
