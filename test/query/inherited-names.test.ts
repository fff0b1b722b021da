import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineCommands } from '../../src/commands/index.ts';
import { parseConfig } from '../../src/compiler/config-schema.ts';
import { connect, type Database, MisuseError, type Session } from '../../src/index.ts';
import {
  compositeOf,
  jsonNullable,
  jsonObject,
  jsonOf,
  jsonString,
  many,
  maybe,
  text,
} from '../../src/query/index.ts';
import { defineWorkflow } from '../../src/workflows/index.ts';
import { createTestDatabase } from '../support/database.ts';

// What every object inherits is not what somebody gave.
const NAMES = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__'] as const;

let db: Database;
let session: Session;
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  session = await db.startSession({ component: 'named', intervalMs: 600_000 });
});
afterAll(() => db?.close());

test.each(NAMES)('a parameter called %s is missing, null, left out or given like any other', async (name) => {
  const definition = {
    name: 'Find',
    text: 'SELECT $1::TEXT',
    operation: 'SELECT',
    columns: [[name, text, 'null']],
  } as const;
  type Given = { readonly [field: string]: string | null };
  const find = maybe<Given, object>({ ...definition, params: [[name, text]] });
  expect(() => find.statement({})).toThrow(MisuseError);
  expect(() => find.statement({})).toThrow(`Find: parameter ${name} is missing`);
  expect(find.statement({ [name]: 'a' }).values).toEqual(['a']);
  class Params {
    get own() {
      return 'of its class';
    }
  }
  const own = maybe<Given, object>({ ...definition, params: [['own', text]] });
  expect(own.statement(new Params() as unknown as Given).values).toEqual(['of its class']);
  const nullable = maybe<Given, object>({ ...definition, params: [[name, text, 'null']] });
  expect(nullable.statement({}).values).toEqual([null]);
  const parts = ['SELECT 1', { when: [0], parts: [' WHERE ', 0] }];
  const optional = many<Given, object>({ ...definition, params: [[name, text]], parts });
  expect(optional.statement({})).toMatchObject({ text: 'SELECT 1', values: [] });
});

test.each(NAMES.slice(0, 4))('a field called %s of a row or of JSON is what was given', (name) => {
  const row = compositeOf('pair', [[name, text]] as never);
  expect(row.encode({ [name]: 'a' } as never)).toBe('("a")');
  const json = jsonOf('json', jsonObject({ [name]: jsonNullable(jsonString) }));
  expect(json.decode('{}')).toEqual({ [name]: null });
});

test.each(NAMES.slice(0, 4))('an override is not found for a query or column called %s', (name) => {
  const config = { compile: [{ queries: 'q', out: 'o' }] };
  const [target] = parseConfig(JSON.stringify(config), 'holdfast.config.json');
  expect(target!.overrideFor(name, 'name', undefined)).toBeUndefined();
  expect(target!.overrideFor('Find', name, undefined)).toBeUndefined();
});

test.each(NAMES.slice(0, 4))('a command called %s that a release does not know is rejected', async (name) => {
  const queue = `queue-${name.toLowerCase()}`;
  const state = async () => 'on' as const;
  const newer = defineCommands({
    name: queue,
    states: ['on'],
    state,
    commands: { [name]: { apply: ['on'] } },
  });
  const older = defineCommands({ name: queue, states: ['on'], state, commands: { go: { apply: ['on'] } } });
  await newer.send(db, 'target', name, {}, { author: 'tester' });
  const [work] = await session.claim(older.source);
  await older.consume(work!, { go: async () => {} });
  const found = [];
  for await (const status of older.list(db, { targets: ['target'] })) found.push(status);
  expect(found).toMatchObject([{ command: name, state: 'rejected', reason: 'this command is not declared' }]);
});

test.each(NAMES.slice(0, 4))('a transition called %s has no action unless it was given one', async (name) => {
  const workflow = defineWorkflow({
    name: `workflow-${name.toLowerCase()}`,
    version: 1,
    states: ['idle'],
    transitions: { [name]: { from: null, to: 'idle', automatic: true } },
  });
  await workflow.start(db, 'target');
  const instance = await workflow.hold(session, 'target', {});
  expect(await instance!.synchronize()).toBe(true);
  expect(instance!.state).toBe('idle');
});
