import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { jsonSchema, parseConfig } from '../../src/compiler/config-schema.ts';
import { goldenCases } from './support/golden.ts';

const file = new URL('../../config.schema.json', import.meta.url);
const schema = JSON.parse(await readFile(file, 'utf8'));
const isValid = new Ajv2020().compile(schema);

test('the JSON schema that travels with the package is what the configuration is judged by', () => {
  expect(schema, 'npm run compile').toEqual(jsonSchema());
});

test('every configuration of the golden cases fits the JSON schema', () => {
  for (const { name, config } of [...goldenCases('postgresql'), ...goldenCases('cockroachdb')])
    expect(isValid({ compile: [{ queries: 'queries.sql', out: 'out', ...config }] }), name).toBe(true);
});

test.each<[unknown, boolean]>([
  [
    { $schema: './config.schema.json', compile: [{ queries: ['a', 'b'], schema: 'schema', out: 'out' }] },
    true,
  ],
  [{ compile: [] }, false],
  [{ compile: [{ queries: 'a' }] }, false],
  [{ compile: [{ queries: 'a', out: 'out', shema: 'schema' }] }, false],
  [{ compile: [{ queries: 'a', out: 'out', int8: 'int' }] }, false],
  [{ compile: [{ queries: 'a', out: 'out', rename: { a: 'not a name' } }] }, false],
])('an editor and the compiler say the same of %j', (config, fits) => {
  expect(isValid(config)).toBe(fits);
  const read = () => parseConfig(JSON.stringify(config), 'config.json');
  if (fits) expect(read).not.toThrow();
  else expect(read).toThrow('config.json');
});
