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
});
