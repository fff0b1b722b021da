import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { type CompileDatabase, type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { delay, type FaultProxy, startFaultProxy } from '../../src/testing/index.ts';

let proxy: FaultProxy;
let engine: Engine;
let database: CompileDatabase;
beforeAll(async () => {
  proxy = await startFaultProxy({ url: inject('holdfast').url });
  engine = await openEngine({ url: proxy.url });
  database = await engine.database([{ path: 'schema.sql', text: 'CREATE TABLE note (id INT8 NOT NULL)' }]);
});
afterAll(async () => {
  await engine.close();
  await proxy[Symbol.asyncDispose]();
});

test('what is described behind a statement that failed is the answer to its own text, however late the server is ready', async () => {
  const fault = proxy.inject({
    direction: 'to-client',
    at: ({ type }) => type === 'Z',
    action: delay(200),
  });
  await expect(database.query('SELECT 1 / 0')).rejects.toThrow('division by zero');
  await fault.struck;
  const described = await database.describe(['SELECT id AS a FROM note', 'SELECT nope', 'SELECT 2 AS c']);
  const names = described.map((answer) =>
    answer instanceof DatabaseError ? answer.code : answer.columns.map(({ name }) => name),
  );
  expect(names).toEqual([['a'], '42703', ['c']]);
});
