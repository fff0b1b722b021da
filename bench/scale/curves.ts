import { createHash } from 'node:crypto';
import pg from 'pg';
import { explain, history, runJanitor } from '../../src/index.ts';
import { heartbeat } from '../../src/queries/sessions.ts';
import { parked } from '../steps/waiting.ts';
import { figure, rate, timed } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';
import type { Curve } from './results.ts';
import { openStore, type Store } from './stores.ts';

/** Calls of one sample. */
const CALLS = 100;

type Probe = (store: Store) => Promise<number>;

/** Milliseconds that a call takes. */
const each = async (call: () => Promise<unknown>, calls = CALLS) =>
  (await timed(async () => {
    for (let i = 0; i < calls; i++) await call();
  })) / calls;

/** Milliseconds for a claim, and for its end. */
const claimAndEnd =
  (of: 'claim' | 'end'): Probe =>
  async (store) => {
    let ms = 0;
    for (let i = 0; i < CALLS; i++) {
      const before = performance.now();
      const work = await store.claimed();
      const between = performance.now();
      await store.finished(work);
      ms += of === 'claim' ? between - before : performance.now() - between;
    }
    return ms / CALLS;
  };

/** All stores are open at once and take turns, so that what disturbs the machine disturbs them alike. */
async function curve(
  of: Pick<Curve, 'title' | 'of'>,
  stores: readonly Store[],
  runs: number,
  probes: Readonly<Record<string, Probe>>,
): Promise<Curve> {
  const columns = Object.keys(probes);
  const samples = new Map(stores.map((store) => [store, columns.map(() => [] as number[])]));
  // The first round warms up.
  for (let run = -1; run < runs; run++)
    for (const store of run % 2 === 0 ? stores : [...stores].reverse())
      for (const [at, name] of columns.entries()) {
        const sample = await probes[name]!(store);
        if (run >= 0) samples.get(store)![at]!.push(sample);
      }
  const rows = stores.map((store) => ({ size: store.size, figures: samples.get(store)!.map(figure) }));
  for (const { size, figures } of rows)
    console.log(`  ${size}: ${figures.map(({ median }, at) => `${columns[at]} ${median}`).join(', ')}`);
  return { ...of, columns, rows };
}

async function withStores<T>(
  server: BenchServer,
  name: string,
  sizes: readonly number[],
  fill: (size: number) => readonly string[],
  use: (stores: readonly Store[]) => Promise<T>,
): Promise<T> {
  const stores: Store[] = [];
  try {
    for (const size of sizes) stores.push(await openStore(server, name, size, fill(size)));
    return await use(stores);
  } finally {
    for (const store of stores) await store[Symbol.asyncDispose]();
  }
}

const SESSIONS = (count: number) => [
  `INSERT INTO holdfast.session (session_id, component, instance, interval_ms)
   SELECT md5(n::TEXT)::UUID, 'c' || n % 20, 'host ' || n, 15000 FROM generate_series(1, ${count}) AS g (n)`,
  `INSERT INTO holdfast.session_deadline (session_id, deadline, interval_ms)
   SELECT session_id, now() + INTERVAL '1 day', 86400000 FROM holdfast.session`,
];

/** Live sessions: what keeps one alive, and what everybody else pays for there being so many. */
export async function sessions(server: BenchServer, sizes: readonly number[], runs: number): Promise<Curve> {
  const clients = new Map<Store, readonly pg.Client[]>();
  const beat =
    (ids: (call: number) => readonly number[]) =>
    (store: Store, client: number, call: number): Promise<unknown> => {
      const { text } = heartbeat.statement({ sessionIds: [] });
      return clients.get(store)![client]!.query({
        name: 'heartbeat',
        text,
        values: [ids(call).map((n) => md5Of(1 + (n % store.size)))],
      });
    };
  let calls = 0;
  const one = beat((call) => [call * 7_919]);
  const hundred = beat((call) => Array.from({ length: 100 }, (_, i) => call * 7_919 + i * 31));
  return withStores(server, 'sessions', sizes, SESSIONS, async (stores) => {
    for (const store of stores) {
      const made = Array.from({ length: 8 }, () => new pg.Client({ connectionString: store.url }));
      await Promise.all(made.map((client) => client.connect()));
      clients.set(store, made);
    }
    try {
      return await curve({ title: 'Live sessions', of: 'live sessions' }, stores, runs, {
        'heartbeats a second, a session each': (store) =>
          rate(CALLS * 20, 8, (client) => one(store, client, calls++)),
        'heartbeats a second, 100 sessions each': (store) =>
          rate(CALLS * 2, 8, (client) => hundred(store, client, calls++)),
        'claim ms': claimAndEnd('claim'),
        'explain ms': (store) => each(() => explain(store.db, 'nobody'), 10),
      });
    } finally {
      for (const made of clients.values()) await Promise.all(made.map((client) => client.end()));
    }
  });
}

/** As PostgreSQL's md5(n::TEXT)::UUID. */
const md5Of = (n: number) => createHash('md5').update(String(n)).digest('hex');

/** Jobs that a live session holds, and as many that wait. */
export async function held(server: BenchServer, sizes: readonly number[], runs: number): Promise<Curve> {
  const fill = (size: number) => [
    ...SESSIONS(1),
    `INSERT INTO job (job_id, bucket) SELECT gen_random_uuid(), n % 64 FROM generate_series(1, ${size * 2}) AS g (n)`,
    `INSERT INTO holdfast.work (kind, target, token, holder, started_at, claim)
     SELECT 'job', job_id::TEXT, 1, md5('1')::UUID, now(), 1
     FROM (SELECT job_id, row_number() OVER () AS n FROM job) AS j WHERE n % 2 = 0 LIMIT ${size}`,
  ];
  return withStores(server, 'held', sizes, fill, (stores) =>
    curve({ title: 'Held work', of: 'jobs held by live sessions, and as many that wait' }, stores, runs, {
      'claim ms': claimAndEnd('claim'),
      'end ms': claimAndEnd('end'),
    }),
  );
}

/** Claims and ends of one node, by how many ask at once. */
export async function claiming(server: BenchServer, sizes: readonly number[], runs: number): Promise<Curve> {
  const samples = new Map(sizes.map((size) => [size, [[], []] as [number[], number[]]]));
  for (let run = -1; run < runs; run++)
    for (const size of sizes) {
      // A session each: nothing is shared among them.
      await using store = await openStore(server, `claims_${run + 1}`, size, []);
      const count = CALLS * 5;
      const before = await server.walPosition(store.url);
      const perSecond = await rate(count, size, async () => store.finished(await store.claimed()));
      const bytes = (await server.walPosition(store.url)) - before;
      if (run < 0) continue;
      samples.get(size)![0].push(perSecond);
      samples.get(size)![1].push(bytes / count);
    }
  return {
    title: 'Claims',
    of: 'workers of one process',
    columns: ['claimed and finished a second', 'bytes of WAL each'],
    rows: sizes.map((size) => ({ size, figures: samples.get(size)!.map(figure) })),
  };
}

/** Instances of workflows that wait for a signal or a time. */
export async function waiting(server: BenchServer, sizes: readonly number[], runs: number): Promise<Curve> {
  const found = await parked(server, runs, sizes);
  return {
    title: 'Parked instances',
    of: 'workflows that wait for a signal or a time',
    columns: ['claim of one that is due, ms'],
    rows: found.parked.map(({ instances, claimMs }) => ({ size: instances, figures: [claimMs] })),
  };
}

/** Rows of history: what they cost those who add to it, and those who read it. */
export async function ended(server: BenchServer, sizes: readonly number[], runs: number): Promise<Curve> {
  const fill = (size: number) => [
    `INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, ended_at, event)
     SELECT 't' || n / 10, 'k' || n % 5, n, md5('1')::UUID, ago, ago + INTERVAL '1 second', 'finished'
     FROM (SELECT n, now() - INTERVAL '30 days' * n / ${size} AS ago FROM generate_series(1, ${size}) AS g (n)) AS h`,
  ];
  const retentionMs = new Map<Store, number>();
  return withStores(server, 'history', sizes, fill, (stores) =>
    curve({ title: 'History', of: 'claims that have ended' }, stores, runs, {
      'claim ms': claimAndEnd('claim'),
      'end ms': claimAndEnd('end'),
      'history of a target, ms': (store) =>
        each(async () => {
          for await (const _ of history(store.db, 't77')) void _;
        }, 10),
      'swept a second': async (store) => {
        // A thirtieth of a day's rows more each time: some thousand rows at most.
        const keepMs = retentionMs.get(store) ?? 30 * 86_400_000;
        const next = keepMs - (30 * 86_400_000 * Math.min(5_000, store.size / 50)) / store.size;
        retentionMs.set(store, next);
        await using janitor = runJanitor(store.db, { intervalMs: 86_400_000, historyRetentionMs: next });
        let swept = 0;
        const ms = await timed(async () => {
          swept = (await janitor.sweep()).history;
        });
        return (swept * 1_000) / ms;
      },
      'bytes a row': async (store) => {
        const { rows } = await server.run(
          store.url,
          "SELECT pg_total_relation_size('holdfast.ended_work') / count(*)::FLOAT8 AS bytes FROM holdfast.ended_work",
        );
        return Number(rows[0].bytes);
      },
    }),
  );
}

export type Section = (server: BenchServer, sizes: readonly number[], runs: number) => Promise<Curve>;
