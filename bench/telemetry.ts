/**
 * What telemetry costs, the library's own part and the SDK's apart: transactions without any (silent), with it and no
 * provider (off), with a provider that samples nothing (not sampled), one that exports nothing (no-op exporter),
 * and one that sends everything by OTLP/HTTP to another process (OTLP). Beside them the observer alone, without a
 * database, and the same calls made on the SDK directly.
 *
 * What decides is processor time of this process, in user mode, for each transaction: rounds of all cases take
 * turns, in an order that changes, and the differences are taken within each round. Time by the clock is beside it.
 *
 * node bench/telemetry.ts [--rounds 20] [--transactions 300] [--clients 1] [--latency 0] [--json]
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Attributes, context, metrics, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { connect } from '../src/client/index.ts';
import { detectEngine, Pool, parseUrl, pgDriver } from '../src/database/index.ts';
import type { Statement } from '../src/query/index.ts';
import { openTelemetry, silentTelemetry, type Telemetry } from '../src/telemetry/index.ts';
import { Transactor } from '../src/transact/index.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    transactions: { type: 'string', default: '300' },
    clients: { type: 'string', default: '1' },
    latency: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const transactions = Number(values.transactions);
const clients = Number(values.clients);
const BARE_TIMES = 20;
const WARM_UP = 3;

const select: Statement = { name: 'One', operation: 'SELECT', text: 'SELECT 1', values: [] };
const touch = (client: number): Statement => ({
  name: 'Touch',
  operation: 'UPDATE',
  collection: 'touched',
  text: 'UPDATE touched SET n = n + 1 WHERE id = $1',
  values: [String(client + 1)],
});

// Without DATABASE_URL: an embedded server whose commits are durable, as those that matter are.
const given = process.env['HOLDFAST_DATABASE_URL'] || process.env['DATABASE_URL'];
const folder = given ? undefined : await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
const db = await connect(folder === undefined ? {} : { embeddedDir: join(folder, 'server') });
const peer = fork(new URL('support/telemetry-peer.ts', import.meta.url), [db.url, values.latency]);
const { collector, url } = await new Promise<{ collector: string; url: string }>((resolve) =>
  peer.once('message', (message) => resolve(message as { collector: string; url: string })),
);
const address = parseUrl(values.latency === '0' ? db.url : url);
const pool = new Pool(pgDriver, address, {
  max: clients,
  acquireTimeoutMs: 30_000,
  idleTimeoutMs: 600_000,
  connectTimeoutMs: 10_000,
  applicationName: 'holdfast bench',
});
const engine = await detectEngine(pool);
const live = openTelemetry({
  system: engine.system,
  namespace: address.database,
  hosts: address.hosts,
  pools: [{ name: 'bench', max: clients, read: () => pool.stats }],
});
await db.transact(
  async (tx) => {
    for (const text of [
      'DROP TABLE IF EXISTS touched',
      'CREATE TABLE touched (id INT8 PRIMARY KEY, n INT8 NOT NULL)',
      `INSERT INTO touched SELECT id, 0 FROM generate_series(1, ${clients}) AS id`,
    ])
      await tx.execute({ text, values: [] });
  },
  { allowDdl: true },
);

const contextManager = new AsyncLocalStorageContextManager();
const forget: SpanExporter = {
  export: (_, done) => done({ code: 0 }),
  shutdown: async () => {},
  forceFlush: async () => {},
};
const meters = (exporter: OTLPMetricExporter) =>
  new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })],
  });
const toCollector = () => new OTLPMetricExporter({ url: `${collector}/v1/metrics` });
const providers = {
  'not sampled': {
    spans: new TracerProvider({
      sampler: new AlwaysOffSampler(),
      spanProcessors: [new BatchSpanProcessor({ exporter: forget })],
    }),
    metrics: meters(toCollector()),
  },
  'no-op exporter': {
    spans: new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: forget })] }),
    metrics: meters(toCollector()),
  },
  OTLP: {
    spans: new TracerProvider({
      spanProcessors: [
        new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${collector}/v1/traces` }) }),
      ],
    }),
    metrics: meters(toCollector()),
  },
};
type Mode = 'silent' | 'off' | keyof typeof providers;
const MODES: readonly Mode[] = ['silent', 'off', 'not sampled', 'no-op exporter', 'OTLP'];

function register(mode: Mode): void {
  if (mode === 'silent' || mode === 'off') return;
  context.setGlobalContextManager(contextManager.enable());
  trace.setGlobalTracerProvider(providers[mode].spans);
  metrics.setGlobalMeterProvider(providers[mode].metrics);
}
/** What is gathered is sent within the round that made it. */
async function unregister(mode: Mode): Promise<void> {
  if (mode === 'silent' || mode === 'off') return;
  await providers[mode].spans.forceFlush();
  trace.disable();
  metrics.disable();
  context.disable();
}

interface Sample {
  readonly elapsed: number;
  readonly cpu: number;
}

/** Microseconds a piece, by the clock and of user processor time. */
async function time(mode: Mode, each: (client: number) => Promise<unknown>, count: number): Promise<Sample> {
  const share = Math.ceil(count / clients);
  register(mode);
  const before = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; i < share; i++) await each(client);
    }),
  );
  const elapsed = (performance.now() - started) * 1_000;
  await unregister(mode);
  const { user } = process.cpuUsage(before);
  return { elapsed: elapsed / (share * clients), cpu: user / (share * clients) };
}

const transactors = {
  silent: new Transactor(pool, engine, silentTelemetry),
  live: new Transactor(pool, engine, live),
};
const on = (mode: Mode) => (mode === 'silent' ? transactors.silent : transactors.live);
const answer = { rows: [], columns: [], rowCount: 0, command: 'SELECT' };
const host = address.hosts[0]!;
const bare = (telemetry: Telemetry) => async () => {
  const observer = telemetry.transaction({ name: 'bare', readOnly: false });
  await observer.run(async () => {
    observer.attempt(1, host);
    await observer.statement(select, async () => answer);
    observer.end('committed', 1);
  });
};

/** What one transaction of one statement asks of the SDK, and nothing else. */
const common: Attributes = { 'db.system.name': engine.system, 'db.namespace': address.database };
const ofMetric: Attributes = {
  ...common,
  'server.address': host.host,
  'server.port': host.port,
  'db.query.summary': 'One',
  'db.operation.name': 'SELECT',
};
const ofSpan: Attributes = { ...ofMetric, 'db.query.text': select.text };
const byHand = (mode: keyof typeof providers) => {
  const tracer = providers[mode].spans.getTracer('by hand');
  const meter = providers[mode].metrics.getMeter('by hand');
  const started = meter.createCounter('started');
  const retries = meter.createHistogram('retries');
  const duration = meter.createHistogram('duration');
  return async () => {
    const whole = tracer.startSpan('bare', { kind: SpanKind.INTERNAL, attributes: common });
    started.add(1, {});
    await context.with(trace.setSpan(context.active(), whole), async () => {
      const one = tracer.startSpan('One', { kind: SpanKind.CLIENT, attributes: ofSpan });
      duration.record(0.001, ofMetric);
      one.end();
      retries.record(0, { transaction: 'bare' });
      whole.setAttributes({
        'holdfast.transaction.attempts': 1,
        'holdfast.transaction.outcome': 'committed',
      });
      whole.end();
    });
  };
};

interface Case {
  readonly mode: Mode;
  readonly each: (client: number) => Promise<unknown>;
  readonly count: number;
}
const cases = new Map<string, Case>([
  [
    'floor: SELECT 1',
    { mode: 'silent', each: () => pool.use({}, (c) => c.send(select)), count: transactions },
  ],
  [
    'floor: one-row UPDATE',
    { mode: 'silent', each: (client) => pool.use({}, (c) => c.send(touch(client))), count: transactions },
  ],
]);
for (const mode of MODES) {
  const transactor = on(mode);
  cases.set(`read, ${mode}`, {
    mode,
    each: () => transactor.transact((tx) => tx.execute(select), { name: 'read', readOnly: true }),
    count: transactions,
  });
  cases.set(`write, ${mode}`, {
    mode,
    each: (client) => transactor.transact((tx) => tx.execute(touch(client)), { name: 'write' }),
    count: transactions,
  });
  cases.set(`observer alone, ${mode}`, {
    mode,
    each: bare(mode === 'silent' ? silentTelemetry : live),
    count: transactions * BARE_TIMES,
  });
}
cases.set('SDK by hand, no-op exporter', {
  mode: 'no-op exporter',
  each: byHand('no-op exporter'),
  count: transactions * BARE_TIMES,
});

const samples = new Map<string, Sample[]>([...cases.keys()].map((name) => [name, []]));
for (let round = 0; round < rounds + WARM_UP; round++) {
  const order = [...cases];
  order.push(...order.splice(0, round % order.length));
  if (round % 2) order.reverse();
  for (const [name, { mode, each, count }] of order) {
    const sample = await time(mode, each, count);
    if (round >= WARM_UP) samples.get(name)!.push(sample);
  }
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
const fixed = (number: number, digits = 2) => Number(number.toFixed(digits));
/** Median, within each round, of what `name` makes of its base. */
const against = (name: string, base: string, compare: (mine: Sample, theirs: Sample) => number) =>
  fixed(median(samples.get(name)!.map((mine, round) => compare(mine, samples.get(base)![round]!))), 3);
const table = [...samples].map(([name, taken]) => {
  const base = name.replace(/, .*/, ', silent');
  return {
    case: name,
    'cpu us': fixed(median(taken.map(({ cpu }) => cpu))),
    'median us': fixed(median(taken.map(({ elapsed }) => elapsed))),
    'min us': fixed(Math.min(...taken.map(({ elapsed }) => elapsed))),
    ...(name === base || !samples.has(base)
      ? {}
      : {
          'cpu more, us': against(name, base, (mine, theirs) => mine.cpu - theirs.cpu),
          'cpu, of the time': against(name, base, (mine, theirs) => (mine.cpu - theirs.cpu) / theirs.elapsed),
          'time, times silent': against(name, base, (mine, theirs) => mine.elapsed / theirs.elapsed),
        }),
  };
});
const latencyMs = Number(values.latency);
const run = {
  engine: engine.versionText,
  node: process.version,
  rounds,
  transactions,
  clients,
  latencyMs,
  table,
};
if (values.json) console.log(JSON.stringify(run, null, 2));
else {
  console.log(
    `${engine.versionText}\nnode ${process.version}, ${rounds} rounds of ${transactions}, ${clients} clients, ${latencyMs} ms`,
  );
  console.table(table);
}

live.close();
for (const provider of Object.values(providers)) {
  await provider.spans.shutdown();
  await provider.metrics.shutdown();
}
await pool.close();
peer.disconnect();
await db.close();
if (folder !== undefined) await rm(folder, { recursive: true, force: true });
