/** The dashboards' and the alerts' queries, before a real Prometheus that scrapes a program in which every part of Holdfast reports. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startTelemetry, type Telemetry } from '../../examples/telemetry/index.ts';
import { BOARDS, queriesOf } from '../../scripts/dashboards/boards.ts';
import { createTestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait-for.ts';
import { type EveryFace, everyFace } from './support/every-face.ts';
import { has, type Prometheus, startPrometheus } from './support/prometheus.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFile(`${root}${path}`, 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
const rules = (
  parse(await read('k8s/telemetry/alerts.yaml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);

/** Queries that the program gives no series, and why. */
const EMPTY: Readonly<Record<string, string>> = {
  // None: the program does all of it.
};
/** Alerts that the program does not set off, and why. */
const QUIET: Readonly<Record<string, string>> = {
  HoldfastWorkNotTaken: 'work of the kind that waits is also claimed',
  HoldfastWorkTakenOver: 'a round takes over one piece of work',
  HoldfastTransactionsConflict: 'one transaction of a round is retried, once',
  HoldfastDownloadsFail: 'half of them fail, and no more',
  HoldfastSessionsDoNotLast: 'the sessions of the janitor and the worker last',
  HoldfastNoFreeConnection: 'nobody waits for five minutes',
  HoldfastNobodySweeps: 'a janitor runs',
  HoldfastCommandsWait: 'no command is a quarter of an hour old',
};

for (const program of ['prometheus', 'promtool'] as const)
  if (!has(program))
    console.warn(`left out: what asks ${program}, which is not here; on Debian: apt-get install prometheus`);

describe.runIf(has('prometheus'))('a Prometheus that scrapes a program with every face', () => {
  let telemetry: Telemetry;
  let program: EveryFace;
  let prometheus: Prometheus;
  beforeAll(async () => {
    telemetry = await startTelemetry({ service: 'every-face', metrics: { host: '127.0.0.1', port: 0 } });
    const { url } = await createTestDatabase();
    program = await everyFace(url);
    await program.round();
    prometheus = await startPrometheus(new URL(telemetry.url!).host);
    // A rate is of two scrapes with something in between.
    await waitFor(async () => (await prometheus.query('holdfast_repository_contents')).length > 0);
    await program.round();
    const counted = 'increase(holdfast_workflow_events_total[1m]) > 0';
    await waitFor(async () => (await prometheus.query(counted)).length > 0);
  });
  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await program?.[Symbol.asyncDispose]();
    await telemetry?.[Symbol.asyncDispose]();
  });

  test.each(
    BOARDS.flatMap((board) =>
      queriesOf(board).map(([title, expression]) => ({ board: board.title, title, expression })),
    ),
  )('$board, $title: it parses, and gives numbers: $expression', async ({ title, expression }) => {
    const asked = expression.replaceAll('$__rate_interval', '1m');
    const numbers = async () => (await prometheus.query(asked)).filter(({ value }) => !Number.isNaN(value));
    if (title in EMPTY) expect(await numbers()).toEqual([]);
    else await waitFor(async () => (await numbers()).length > 0, { what: `numbers of ${asked}` });
  });

  test.each(rules)(
    '$alert: its expression parses, and the run sets it off or is listed as quiet',
    async (rule) => {
      if (rule.alert in QUIET) expect(await prometheus.query(rule.expr)).toEqual([]);
      else await waitFor(async () => (await prometheus.query(rule.expr)).length > 0, { what: rule.expr });
    },
  );

  test('every series that an alert asks for is there', async () => {
    const names = new Set(rules.flatMap(({ expr }) => expr.match(/\b(?:holdfast|db)_\w+/g) ?? []));
    names.delete('db_client_connection_pool_name');
    const missing: string[] = [];
    for (const name of names) if ((await prometheus.query(name)).length === 0) missing.push(name);
    expect(missing).toEqual([]);
  });

  test('every label that a panel shows in a legend is one of its series', async () => {
    const wrong: string[] = [];
    for (const { rows } of BOARDS)
      for (const { queries } of Object.values(rows).flat())
        for (const [expression, legend] of queries) {
          const answer = await prometheus.query(expression.replaceAll('$__rate_interval', '1m'));
          for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g))
            if (
              !answer.some(({ labels }) => labels[label!] !== undefined) &&
              label !== 'holdfast_retry_reason'
            )
              wrong.push(`${expression}: ${label}`);
        }
    expect(wrong).toEqual([]);
  });
});

test.runIf(has('promtool'))(
  'each alert fires and is quiet by the rule tests, and the files are valid',
  async () => {
    const promtool = (...args: string[]) =>
      execFileSync('promtool', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(promtool('test', 'rules', 'test/telemetry/alerts.test.yaml')).toContain('SUCCESS');
    expect(promtool('check', 'config', 'k8s/telemetry/prometheus.yaml')).toContain(
      `SUCCESS: ${rules.length} rules found`,
    );
  },
);

test('every alert has a rule test of either kind', async () => {
  const { tests } = parse(await read('test/telemetry/alerts.test.yaml')) as { tests: { name: string }[] };
  expect(tests.map(({ name }) => name)).toEqual(
    rules.flatMap(({ alert }) => [`${alert} fires`, `${alert} is quiet`]),
  );
});

test('every alert has a severity, a summary, and a runbook that is a section of a page', async () => {
  for (const { labels, annotations } of rules) {
    expect(['warning', 'critical']).toContain(labels['severity']);
    expect(annotations['summary']).toMatch(/./);
    const [page, anchor] = annotations['runbook_url']!.split('#');
    const headings = [...(await read(page!)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(headings).toContain(anchor);
  }
});
