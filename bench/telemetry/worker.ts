/**
 * A service in one mode of telemetry: does a block of work when it is its turn, and says what it took.
 *
 * node bench/telemetry/worker.ts <mode> <collector>
 */
import { detectOn, Pool, parseUrl, pgDriver } from '../../src/database/index.ts';
import type { Statement } from '../../src/query/index.ts';
import { SessionFence } from '../../src/sessions/index.ts';
import { openTelemetry, silentTelemetry } from '../../src/telemetry/index.ts';
import { Transactor } from '../../src/transact/index.ts';
import { sdkByHand } from './by-hand.ts';
import { hasTelemetry, type Mode, register } from './modes.ts';

export type Work = 'floor read' | 'floor write' | 'read' | 'write' | 'observer' | 'SDK';

export interface Turn {
  /** Of the database; the first turn that names one connects. */
  readonly url: string;
  /** A session of that database, by which the transactions are fenced. */
  readonly sessionId: string;
  readonly work: Work;
  readonly count: number;
}

/** Microseconds a piece, by the clock and of this process's processor time, its helper threads' included. */
export interface Taken {
  readonly elapsed: number;
  readonly cpu: number;
}

const [mode, collector] = process.argv.slice(2) as [Mode, string];
const providers = register(mode, collector);

const select: Statement = { name: 'One', operation: 'SELECT', text: 'SELECT 1', values: [] };
const touch: Statement = {
  name: 'Touch',
  operation: 'UPDATE',
  collection: 'touched',
  text: 'UPDATE touched SET n = n + 1 WHERE id = $1',
  values: ['1'],
};
const answer = { rows: [], columns: [], rowCount: 0, command: 'SELECT' };

async function worksOn(url: string, sessionId: string): Promise<Record<Work, () => Promise<unknown>>> {
  const address = parseUrl(url);
  const host = address.hosts[0]!;
  const pool = new Pool(pgDriver, address, {
    max: 1,
    acquireTimeoutMs: 30_000,
    idleTimeoutMs: 600_000,
    connectTimeoutMs: 10_000,
    applicationName: `holdfast bench, ${mode}`,
  });
  const { engine } = await pool.use({}, (connection) => detectOn(connection, 10_000));
  const database = { system: engine.system, namespace: address.database, hosts: address.hosts };
  const telemetry = hasTelemetry(mode)
    ? openTelemetry({ ...database, pools: [{ name: 'bench', max: 1, read: () => pool.stats }] })
    : silentTelemetry;
  const transactor = new Transactor(pool, engine, telemetry);
  // The bench keeps the session alive; what a heartbeat costs has no part in this.
  const { signal } = new AbortController();
  const session = { id: sessionId, intervalMs: 60_000, signal, assertAlive: () => {}, expire: () => {} };
  const context = { fence: new SessionFence(session), component: 'bench' };
  const sdk = providers?.spans && sdkByHand(providers.spans, providers.metrics, database);
  return {
    'floor read': () => pool.use({}, (connection) => connection.send(select)),
    'floor write': () => pool.use({}, (connection) => connection.send(touch)),
    read: () => transactor.transact((tx) => tx.execute(select), { name: 'read', readOnly: true }, context),
    write: () => transactor.transact((tx) => tx.execute(touch), { name: 'write' }, context),
    async observer() {
      const observer = telemetry.transaction({ name: 'alone', component: 'bench', readOnly: false });
      await observer.run(async () => {
        observer.attempt(1, host);
        await observer.statement(select, async () => answer);
        observer.end(1);
      });
    },
    SDK: async () => sdk?.(),
  };
}

/** Part of a turn's count that is done before it, unmeasured. */
const LEAD_IN = 0.4;
const known = new Map<string, ReturnType<typeof worksOn>>();

async function take({ url, sessionId, work, count }: Turn): Promise<Taken> {
  if (!known.has(url)) known.set(url, worksOn(url, sessionId));
  const each = (await known.get(url)!)[work];
  // The processor's caches are another's when a turn begins.
  for (let i = 0; i < count * LEAD_IN; i++) await each();
  await providers?.settled();
  const before = process.cpuUsage();
  const started = performance.now();
  for (let i = 0; i < count; i++) await each();
  const elapsed = (performance.now() - started) * 1_000;
  // Paid for by the one that caused it, and not in the next one's turn.
  await providers?.settled();
  const { user, system } = process.cpuUsage(before);
  return { elapsed: elapsed / count, cpu: (user + system) / count };
}

process.on('message', async (turn: Turn) => process.send?.(await take(turn)));
// Ends with the process that started it.
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
