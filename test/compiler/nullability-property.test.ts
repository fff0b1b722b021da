import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { analyze } from '../../src/compiler/analyze.ts';
import { parseConfig } from '../../src/compiler/config-schema.ts';
import type { Diagnostic } from '../../src/compiler/diagnostic.ts';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { rewrite } from '../../src/compiler/source/parameters.ts';
import { readSqlc } from '../../src/compiler/source/query-file.ts';
import { createEmptyTestDatabase, seededRandom, testEngine } from '../support/database.ts';
import { textClient } from './support/executor.ts';
import { propertySchema, RandomQuery, randomData } from './support/random-query.ts';

const queries = Number(process.env['HOLDFAST_PROPERTY_QUERIES'] ?? 300);
const dataSets = 6;

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ url: inject('holdfast').url });
});
afterAll(() => engine.close());

test(
  'no random join ever gives NULL in a column that was proved never to be null',
  async () => {
    const random = seededRandom('nullability');
    const writer = new RandomQuery(random, testEngine() === 'postgresql');
    const text = Array.from(
      { length: queries },
      (_, i) => `-- name: Q${i} :many\n${writer.statement()};\n`,
    ).join('\n');
    const problems: Diagnostic[] = [];
    const report = (diagnostic: Diagnostic) => problems.push(diagnostic);
    const [target] = parseConfig('{"compile":[{"queries":"q.sql","out":"q"}]}', 'config');
    const database = await engine.database([{ path: 'schema.sql', text: propertySchema }]);
    const read = readSqlc({ path: 'q.sql', text }, report).map(rewrite);
    const analyzed = await analyze(read, database, target!, report);
    expect(problems.map((problem) => problem.message)).toEqual([]);
    const proved = analyzed.flatMap((query) => query.columns).filter((column) => !column.nullable).length;
    // The property would hold for a prover that proves nothing.
    expect(proved).toBeGreaterThan(queries / 4);

    const data = await createEmptyTestDatabase();
    await using client = await textClient(data.url);
    await client.simple(propertySchema);
    const lies: string[] = [];
    for (let i = 0; i < dataSets; i++) {
      await client.simple('DELETE FROM t1; DELETE FROM t2; DELETE FROM t3');
      await client.simple(randomData(random));
      if (testEngine() === 'postgresql') await client.simple('ANALYZE');
      for (const query of analyzed) {
        const { rows } = await client.execute({ text: query.text, values: [] });
        for (const [c, column] of query.columns.entries())
          if (!column.nullable && rows.some((row) => row[c] === null))
            lies.push(`${column.name}: "${column.reason}" is a lie in ${query.text}`);
      }
    }
    expect([...new Set(lies)]).toEqual([]);
  },
  60_000 + queries * 50,
);
