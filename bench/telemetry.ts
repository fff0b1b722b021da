/**
 * What telemetry costs: transactions without any (silent), with a provider not registered (off), and with one
 * registered that samples everything and keeps it in memory (on), in one run on one server. Rounds of the three
 * take turns, in an order that changes, so that what disturbs the machine disturbs them alike.
 *
 * node bench/telemetry.ts [--rounds 15] [--transactions 500] [--clients 1] [--json]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, InMemorySpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { connect } from '../src/client/index.ts';
import { detectEngine, Pool, parseUrl, pgDriver } from '../src/database/index.ts';
import type { Statement } from '../src/query/index.ts';
import { openTelemetry, silentTelemetry, type Telemetry } from '../src/telemetry/index.ts';
import { Transactor } from '../src/transact/index.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    transactions: { type: 'string', default: '500' },
    clients: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const transactions = Number(values.transactions);
const clients = Number(values.clients);

const statement: Statement = {
  name: 'Touch',
  operation: 'UPDATE',
  collection: 'touched',
  text: 'UPDATE touched SET n = n + 1 WHERE id = $1',
  values: ['1'],
};
const select: Statement = { name: 'One', operation: 'SELECT', text: 'SELECT 1', values: [] };

/** As an exporter does, it lets go of what it has exported. */
class ForgetfulExporter extends InMemorySpanExporter {
  override export(...[spans, done]: Parameters<InMemorySpanExporter['export']>): void {
    super.export(spans, done);
    this.reset();
  }
}

const spans = new ForgetfulExporter();
const tracerProvider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: spans })] });
const meterProvider = new MeterProvider({
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    }),
  ],
});
const contextManager = new AsyncLocalStorageContextManager();

function register(): void {
  context.setGlobalContextManager(contextManager.enable());
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
}
function unregister(): void {
  trace.disable();
  metrics.disable();
  context.disable();
}

// Without DATABASE_URL: an embedded server whose commits are durable, as those that matter are.
const given = process.env['HOLDFAST_DATABASE_URL'] || process.env['DATABASE_URL'];
const folder = given ? undefined : await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
const db = await connect(folder === undefined ? {} : { embeddedDir: join(folder, 'server') });
const address = parseUrl(db.url);
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
    await tx.execute({ text: 'DROP TABLE IF EXISTS touched', values: [] });
    await tx.execute({ text: 'CREATE TABLE touched (id INT8 PRIMARY KEY, n INT8 NOT NULL)', values: [] });
    await tx.execute({
      text: `INSERT INTO touched SELECT id, 0 FROM generate_series(1, ${clients}) AS id`,
      values: [],
    });
  },
  { allowDdl: true },
);

const silentTransactor = new Transactor(pool, engine, silentTelemetry);
const liveTransactor = new Transactor(pool, engine, live);

interface Sample {
  readonly elapsed: number;
  readonly cpu: number;
}

/** Microseconds a piece, by the clock and of this process's processor time, for `each` done by every client as often as its share. */
async function time(each: (client: number) => Promise<unknown>): Promise<Sample> {
  const share = Math.ceil(transactions / clients);
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; i < share; i++) await each(client);
    }),
  );
  const elapsed = (performance.now() - started) * 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { elapsed: elapsed / (share * clients), cpu: (user + system) / (share * clients) };
}

const readWith = (transactor: Transactor) => () =>
  transactor.transact((tx) => tx.execute(select), { name: 'read', readOnly: true });
const writeWith = (transactor: Transactor) => (client: number) =>
  transactor.transact((tx) => tx.execute({ ...statement, values: [String(client + 1)] }), { name: 'write' });
/** The observer alone, one transaction of one statement, no database. */
const bareWith = (telemetry: Telemetry) => async () => {
  const observer = telemetry.transaction({ name: 'bare', readOnly: false });
  await observer.run(async () => {
    observer.attempt(1, address.hosts[0]!);
    await observer.statement(select, async () => ({ rows: [], columns: [], rowCount: 0, command: 'SELECT' }));
    observer.end('committed', 1);
  });
};

const cases: Record<string, { on: boolean; each: (client: number) => Promise<unknown> }> = {
  'floor: SELECT 1': { on: false, each: () => pool.use({}, (connection) => connection.send(select)) },
  'floor: one-row UPDATE': {
    on: false,
    each: (client) =>
      pool.use({}, (connection) => connection.send({ ...statement, values: [String(client + 1)] })),
  },
  'read, silent': { on: false, each: readWith(silentTransactor) },
  'read, off': { on: false, each: readWith(liveTransactor) },
  'read, on': { on: true, each: readWith(liveTransactor) },
  'write, silent': { on: false, each: writeWith(silentTransactor) },
  'write, off': { on: false, each: writeWith(liveTransactor) },
  'write, on': { on: true, each: writeWith(liveTransactor) },
  'observer alone, silent': { on: false, each: bareWith(silentTelemetry) },
  'observer alone, off': { on: false, each: bareWith(live) },
  'observer alone, on': { on: true, each: bareWith(live) },
};

const samples = new Map<string, Sample[]>(Object.keys(cases).map((name) => [name, []]));
const WARM_UP = 3;
for (let round = 0; round < rounds + WARM_UP; round++) {
  const order = Object.entries(cases);
  order.push(...order.splice(0, round % order.length));
  if (round % 2) order.reverse();
  for (const [name, { on, each }] of order) {
    if (on) register();
    const sample = await time(each);
    if (on) unregister();
    if (round >= WARM_UP) samples.get(name)!.push(sample);
  }
  await tracerProvider.forceFlush();
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
/** Of the ratios within each round, which what changes between rounds leaves alone. */
const ratio = (name: string, base: string, what: keyof Sample) =>
  median(samples.get(name)!.map((sample, round) => sample[what] / samples.get(base)![round]![what]));
/** The round that was disturbed least; on a busy machine it tells more than the middle. */
const fastest = (name: string) => Math.min(...samples.get(name)!.map(({ elapsed }) => elapsed));
const round = (number: number, digits = 2) => Number(number.toFixed(digits));
const table = [...samples].map(([name, taken]) => {
  const base = name.replace(/, .*/, ', silent');
  const elapsed = taken.map((sample) => sample.elapsed);
  return {
    case: name,
    'median us': round(median(elapsed)),
    'min us': round(Math.min(...elapsed)),
    'max us': round(Math.max(...elapsed)),
    'cpu us': round(median(taken.map(({ cpu }) => cpu))),
    ...(base === name || name.startsWith('floor')
      ? {}
      : {
          'times silent': round(ratio(name, base, 'elapsed'), 3),
          'cpu times silent': round(ratio(name, base, 'cpu'), 3),
          'fastest, times silent': round(fastest(name) / fastest(base), 3),
        }),
  };
});
const run = { engine: engine.versionText, node: process.version, rounds, transactions, clients, table };
if (values.json) console.log(JSON.stringify(run, null, 2));
else {
  console.log(
    `${engine.versionText}\nnode ${process.version}, ${rounds} rounds of ${transactions}, ${clients} clients`,
  );
  console.table(table);
}

live.close();
await tracerProvider.shutdown();
await meterProvider.shutdown();
await pool.close();
await db.close();
if (folder !== undefined) await rm(folder, { recursive: true, force: true });
