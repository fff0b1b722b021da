import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Downloader, openStore } from '../../src/artifacts/index.ts';
import { commandsFace, defineCommands } from '../../src/commands/index.ts';
import { connect, runJanitor } from '../../src/index.ts';
import { definePipeline, operationsFace } from '../../src/operations/index.ts';
import { each, Pipeline } from '../../src/pipeline/index.ts';
import { serveRepositories } from '../../src/serving/index.ts';
import { createRepository, repositoriesFace } from '../../src/sync/index.ts';
import * as attributes from '../../src/telemetry/attributes.ts';
import { defineWorkflow, workflowsFace } from '../../src/workflows/index.ts';
import { temporaryFolder } from '../artifacts/support/files.ts';
import { ScriptedServer, whole } from '../artifacts/support/server.ts';
import { claimMany } from '../support/claim.ts';
import { createTestDatabase } from '../support/database.ts';
import { type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = await readFile(join(root, 'docs/telemetry.md'), 'utf8');

let telemetry: RecordedTelemetry;
beforeAll(async () => {
  telemetry = recordTelemetry();
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  await using session = await db.startSession({ component: 'any' });
  const [one] = await claimMany(session, 'any', 2, () => ['1', '2']);
  await one!.finish();
  const retried = db.transact(
    () => {
      throw Object.assign(new Error(), { code: '40001' });
    },
    { maxRetries: 1 },
  );
  await expect(retried).rejects.toThrow();
  await definePipeline({ name: 'p', operations: ['o'] }).enable(db, 't', ['o']);
  const queue = {
    name: 'q',
    states: ['on'],
    state: async () => 'on' as const,
    commands: { go: { apply: ['on'] } },
  } as const;
  await defineCommands(queue).send(db, 't', 'go', {}, { author: 'a' });
  const transitions = { begin: { from: null, to: 'on' } } as const;
  await defineWorkflow({ name: 'w', version: 1, states: ['on'], transitions }).start(db, 't', {});
  await new Pipeline([each<number>('any', () => {})]).run([1]);
  await createRepository(db, 'r');
  const faces = [operationsFace, commandsFace(), workflowsFace(), repositoriesFace()];
  await using janitor = runJanitor(db, { pending: { any: async () => 2 }, faces });
  await janitor.sweep();
  await using server = await ScriptedServer.start();
  await using downloader = new Downloader({ noProxy: '*' });
  await using folder = await temporaryFolder();
  const into = await openStore(folder.path);
  await downloader.store({ urls: [server.script('/a', whole('body'))], into });
  const repositories = serveRepositories({ db, store: into });
  expect((await repositories.fetch(new Request('http://localhost/none/at-all'))).status).toBe(404);
  await repositories.close();
  await telemetry.metrics();
});
afterAll(() => telemetry.stop());

test('every attribute is on the page', () => {
  const names = Object.values(attributes);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('every metric is on the page, and the page names no other', async () => {
  const published = (await telemetry.metrics()).map(({ name }) => name).sort();
  const rows = page.slice(page.indexOf('## Metrics')).matchAll(/^\| `([a-z_.]+)` \|/gm);
  expect([...rows].map(([, name]) => name).sort()).toEqual(published);
});

test('the dashboards ask for metrics and labels that there are', async () => {
  const series = new Set<string>();
  const labels = new Set<string>(['le']);
  for (const { name, unit, kind, keys } of await telemetry.metrics()) {
    const base = name.replaceAll('.', '_') + (unit === 's' ? '_seconds' : '');
    if (kind === 'counter') series.add(`${base}_total`);
    else if (kind === 'histogram') for (const end of ['bucket', 'sum', 'count']) series.add(`${base}_${end}`);
    else series.add(base);
    for (const key of keys) labels.add(key.replaceAll('.', '_'));
  }
  labels.add(attributes.RETRY_REASON.replaceAll('.', '_'));
  const folder = join(root, 'k8s/dashboards');
  for (const file of await readdir(folder)) {
    const text = await readFile(join(folder, file), 'utf8');
    const expressions = [...text.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map(([, one]) => one!);
    expect(expressions.length).toBeGreaterThan(10);
    for (const expression of expressions) {
      const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, */));
      expect(
        grouped.filter((label) => !labels.has(label)),
        expression,
      ).toEqual([]);
      const asked = expression.replaceAll(/by \([^)]*\)/g, '').match(/\b(?:holdfast|db)_\w+/g) ?? [];
      expect(asked.length).toBeGreaterThan(0);
      expect(
        asked.filter((name) => !series.has(name)),
        expression,
      ).toEqual([]);
    }
  }
});
