import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BOARDS, queriesOf } from '../../scripts/dashboards/boards.ts';
import * as attributes from '../../src/telemetry/attributes.ts';
import { createTestDatabase } from '../support/database.ts';
import { type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';
import { type EveryFace, everyFace } from './support/every-face.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = await readFile(join(root, 'docs/telemetry.md'), 'utf8');

let telemetry: RecordedTelemetry;
let program: EveryFace;
beforeAll(async () => {
  telemetry = recordTelemetry();
  const { url } = await createTestDatabase();
  program = await everyFace(url);
  await program.round();
});
afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  await telemetry.stop();
});

test('every attribute is on the page', () => {
  const names = Object.values(attributes);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('every metric is on the page, and the page names no other', async () => {
  const published = (await telemetry.metrics())
    .map(({ name }) => name)
    // The fleet's own: its page has it.
    .filter((name) => !name.startsWith('holdfast.fleet.'))
    .sort();
  const section = page.slice(page.indexOf('## Metrics'), page.indexOf('## Prometheus'));
  const rows = section.matchAll(/^\| `([a-z_.]+)` \|/gm);
  expect([...rows].map(([, name]) => name).sort()).toEqual(published);
});

test('the dashboards ask for metrics and labels that there are', async () => {
  const series = new Set<string>();
  const labels = new Set<string>(['le']);
  for (const { name, unit, kind, keys } of await telemetry.metrics()) {
    const units: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };
    const suffix = units[unit] ?? '';
    const plain = name.replaceAll('.', '_');
    const base = plain.endsWith(suffix) ? plain : plain + suffix;
    if (kind === 'counter') series.add(`${base}_total`);
    else if (kind === 'histogram') for (const end of ['bucket', 'sum', 'count']) series.add(`${base}_${end}`);
    else series.add(base);
    for (const key of keys) labels.add(key.replaceAll('.', '_'));
  }
  labels.add(attributes.RETRY_REASON.replaceAll('.', '_'));
  for (const [, expression] of BOARDS.flatMap(queriesOf)) {
    const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, */));
    expect(
      grouped.filter((label) => !labels.has(label)),
      expression,
    ).toEqual([]);
    const asked = expression.replaceAll(/by \([^)]*\)/g, '').match(/\b(?:holdfast|db|http)_\w+/g) ?? [];
    expect(asked.length).toBeGreaterThan(0);
    expect(
      asked.filter((name) => !series.has(name)),
      expression,
    ).toEqual([]);
  }
});
