import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { QueryCache } from '../../src/compiler/index.ts';
import { testEngine } from '../support/database.ts';
import { countingEngine } from './support/counting-engine.ts';
import { accept, actualOf, expectedOf, goldenCases, goldenRoot } from './support/golden.ts';

const cases = await goldenCases(testEngine());
const update = process.env['UPDATE_GOLDEN'] === '1';

describe('a golden folder gives the modules or the messages that are in it', () => {
  let engine: Engine;
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'holdfast-golden-'));
    engine = await openEngine({ url: inject('holdfast').url });
  });
  afterAll(async () => {
    await engine.close();
    await rm(scratch, { recursive: true, force: true });
  });

  test.each(cases)('$name', async (golden) => {
    const cache = new QueryCache({ root: path.join(scratch, golden.name), path: 'config' });
    const actual = await actualOf(golden, engine, cache);
    if (update) await accept(golden, actual);
    expect(actual).toEqual(await expectedOf(golden));
    // What was compiled comes out of the cache as it went in; what was not is asked about again.
    const asked = countingEngine(engine);
    expect(await actualOf(golden, asked.engine, cache)).toEqual(actual);
    if ('queries.ts' in actual) expect(asked.databases).toBe(0);
  });

  test('there are at least 150 of them, and 40 of CockroachDB', async () => {
    expect((await goldenCases('postgresql')).length).toBeGreaterThanOrEqual(150);
    expect((await goldenCases('cockroachdb')).length).toBeGreaterThanOrEqual(40);
  });
});

test('every generated module passes the strict type check', async () => {
  const tsc = path.resolve(goldenRoot, '../../node_modules/typescript/bin/tsc');
  const run = promisify(execFile)(process.execPath, [tsc, '--project', goldenRoot], { encoding: 'utf8' });
  const said = await run.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
  expect(said).toBe('');
});

test('every generated module is formatted as Biome would', async () => {
  const biome = path.resolve(goldenRoot, '../../node_modules/@biomejs/biome/bin/biome');
  const config = path.join(goldenRoot, 'biome.json');
  const run = promisify(execFile)(process.execPath, [biome, 'check', '--config-path', config, goldenRoot], {
    encoding: 'utf8',
  });
  const said = await run.then(
    () => '',
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
  expect(said).toBe('');
});
