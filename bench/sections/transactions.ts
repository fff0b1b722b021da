import pg from 'pg';
import postgres from 'postgres';
import { connect, type Database } from '../../src/index.ts';
import type { Statement } from '../../src/query/index.ts';
import { startFaultProxy } from '../../src/testing/index.ts';
import { type Figure, figure, inTurns, timed } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';

export interface TransactionFigures {
  readonly driver: 'pg' | 'postgres';
  readonly delayMs: number;
  /** Milliseconds a transaction, one client. */
  readonly ms: Readonly<Record<string, Figure>>;
  /** Fenced to plain serializable, of the same run: median of the runs' ratios. */
  readonly fencedToPlain: Figure;
  /** Microseconds of this process's component time a transaction; without a delay, where no proxy shares it. */
  readonly clientUs?: Readonly<Record<string, Figure>>;
  readonly roundTrips: Readonly<Record<string, number>>;
}

const TEXT = 'UPDATE touched SET n = n + 1 WHERE id = $1';
const statement: Statement = { name: 'Touch', operation: 'UPDATE', text: TEXT, values: ['1'] };

/** One-row update in a transaction of its own, one client: the driver's own, and ours in each kind. */
export async function transactions(server: BenchServer, runs: number, quick: boolean) {
  const url = await server.database('transactions', { ours: true });
  await server.run(
    url,
    'CREATE TABLE touched (id INT8 PRIMARY KEY, n INT8 NOT NULL)',
    'INSERT INTO touched SELECT i, 0 FROM generate_series(1, 100) AS g(i)',
  );
  const found: TransactionFigures[] = [];
  for (const delayMs of [0, 2])
    for (const driver of ['pg', 'postgres'] as const)
      found.push(await oneDriver(url, driver, delayMs, runs, quick ? 60 : delayMs === 0 ? 400 : 150));
  return found;
}

/** Before it is measured: the first hundreds run code that is not compiled yet. */
const WARM = 200;

async function oneDriver(
  serverUrl: string,
  driver: 'pg' | 'postgres',
  delayMs: number,
  runs: number,
  count: number,
): Promise<TransactionFigures> {
  const direct = new URL(serverUrl);
  direct.searchParams.set('sslmode', 'disable');
  // Half of it each way, so that a round trip takes it once. Without a delay there is no proxy either.
  await using proxy = await startFaultProxy({ url: direct.href, latencyMs: delayMs / 2 });
  const url = delayMs > 0 ? proxy.url : direct.href;
  const plain = driver === 'pg' ? await plainPg(url) : plainPostgres(url);
  const db = await connect({ url, driver, pool: { max: 2 } });
  const session = await db.startSession({ component: 'bench', intervalMs: 60_000 });
  const kinds: Record<string, () => Promise<unknown>> = {
    'plain, READ COMMITTED': () => plain.once('READ COMMITTED'),
    'plain, SERIALIZABLE': () => plain.once('SERIALIZABLE'),
    unfenced: () => db.transact((tx) => tx.execute(statement)),
    fenced: () => session.transact((tx) => tx.execute(statement)),
    'fenced, with marker': () => session.transact((tx) => tx.execute(statement), { commitMarker: true }),
    'single statement': () => db.guardedWithin(60_000).execute(statement),
  };
  try {
    for (const kind of Object.values(kinds)) for (let i = 0; i < WARM; i++) await kind();
    const component = new Map<string, number[]>();
    const variants = Object.fromEntries(
      Object.entries(kinds).map(([name, once]) => [
        name,
        async () => {
          const before = process.cpuUsage();
          const ms = await timed(async () => {
            for (let i = 0; i < count; i++) await once();
          });
          const { user, system } = process.cpuUsage(before);
          component.set(name, [...(component.get(name) ?? []), (user + system) / count]);
          return ms / count;
        },
      ]),
    );
    const ratios: number[] = [];
    const recorded = new Map<string, number>();
    const noting = Object.fromEntries(
      Object.entries(variants).map(([name, run]) => [
        name,
        async () => {
          const ms = await run();
          recorded.set(name, ms);
          const [fenced, other] = [recorded.get('fenced'), recorded.get('plain, SERIALIZABLE')];
          if (fenced !== undefined && other !== undefined) {
            ratios.push(fenced / other);
            recorded.clear();
          }
          return ms;
        },
      ]),
    );
    const ms = await inTurns(runs, noting);
    return {
      driver,
      delayMs,
      ms,
      fencedToPlain: figure(ratios),
      ...(delayMs === 0
        ? { clientUs: Object.fromEntries([...component].map(([name, us]) => [name, figure(us)])) }
        : {}),
      roundTrips: await trips(direct.href, driver),
    };
  } finally {
    await plain.end();
    await db.close();
  }
}

/** Round trips of each kind, counted on the wire. */
async function trips(url: string, driver: 'pg' | 'postgres'): Promise<Record<string, number>> {
  await using proxy = await startFaultProxy({ url });
  const db: Database = await connect({ url: proxy.url, driver, pool: { max: 1 } });
  const session = await db.startSession({ component: 'bench', intervalMs: 60_000 });
  const counted: Record<string, number> = {};
  const kinds: Record<string, () => Promise<unknown>> = {
    unfenced: () => db.transact((tx) => tx.execute(statement)),
    fenced: () => session.transact((tx) => tx.execute(statement)),
    'fenced, with marker': () => session.transact((tx) => tx.execute(statement), { commitMarker: true }),
    'single statement': () => db.guardedWithin(60_000).execute(statement),
  };
  for (const [name, once] of Object.entries(kinds)) {
    await once();
    counted[name] = (await proxy.measure(once)).roundTrips;
  }
  await db.close();
  return counted;
}

async function plainPg(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    async once(isolation: string) {
      await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
      await client.query({ name: 'touch', text: TEXT, values: ['1'] });
      await client.query('COMMIT');
    },
    end: () => client.end(),
  };
}

function plainPostgres(url: string) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return {
    once: (isolation: string) =>
      sql.begin(`ISOLATION LEVEL ${isolation}`, (tx) => tx`UPDATE touched SET n = n + 1 WHERE id = ${'1'}`),
    end: () => sql.end(),
  };
}
