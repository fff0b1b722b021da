import { connect } from '../../src/index.ts';
import { startFaultProxy } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflows/index.ts';
import { type Figure, figure, timed } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';

/** What starting many at once costs. */
export interface StartFigures {
  readonly instances: number;
  readonly ms: Figure;
  /** Round trips, and statements with BEGIN and COMMIT. */
  readonly roundTrips: number;
  readonly statements: number;
}

/** What instances that wait cost those that do not. */
export interface ParkedFigures {
  readonly parked: readonly { readonly instances: number; readonly claimMs: Figure }[];
  /** Median of the most to the median of the fewest, by run. */
  readonly ratio: Figure;
}

const flow = defineWorkflow({
  name: 'bench',
  version: 1,
  states: ['waiting', 'done'],
  transitions: {
    wait: { from: null, to: 'waiting', automatic: true },
    go: { from: 'waiting', to: 'done', signal: 'go' },
    late: { from: 'waiting', to: 'done', after: { ms: 86_400_000 } },
  },
});

export async function starts(server: BenchServer, runs: number): Promise<StartFigures> {
  const instances = 1_000;
  const direct = new URL(await server.database('starts', { ours: true }));
  direct.searchParams.set('sslmode', 'disable');
  await using proxy = await startFaultProxy({ url: direct.href });
  await using db = await connect({ url: proxy.url });
  let next = 0;
  const start = () =>
    flow.startMany(
      db,
      Array.from({ length: instances }, () => ({ target: `t${next++}` })),
    );
  await start();
  const ms: number[] = [];
  for (let run = 0; run < runs; run++) ms.push(await timed(start));
  const { roundTrips, statements } = await proxy.measure(start);
  return { instances, ms: figure(ms), roundTrips, statements };
}

/** Claims one instance after the other, beside few and beside more and more that wait: half for a signal, half for a time too. */
export async function parked(
  server: BenchServer,
  runs: number,
  sizes: readonly number[],
): Promise<ParkedFigures> {
  const stores = await Promise.all(
    sizes.map(async (instances, at) => {
      const url = await server.database(`parked_${at}`, { ours: true });
      await server.run(
        url,
        `INSERT INTO holdfast.workflow (workflow, target, version, state, variables, start_digest, due_at)
         SELECT 'bench', 'parked' || n, 1, 'waiting', '{}', '', CASE WHEN n % 2 = 0 THEN now() + INTERVAL '1 day' END
         FROM generate_series(1, ${instances}) AS g (n)`,
        'VACUUM (ANALYZE)',
        'CHECKPOINT',
      );
      const db = await connect({ url });
      const session = await db.startSession({ component: 'bench', intervalMs: 600_000 });
      return { instances, db, session };
    }),
  );
  let next = 0;
  const claims = async ({ db, session }: (typeof stores)[number]) => {
    const due = Array.from({ length: 200 }, () => ({ target: `due${next++}` }));
    await flow.startMany(db, due);
    const ms: number[] = [];
    for (const _ of due) {
      const started = performance.now();
      const [work] = await session.claim(flow.source());
      ms.push(performance.now() - started);
      await flow.run(work!, {});
    }
    return figure(ms).median;
  };
  try {
    for (const store of stores) await claims(store);
    const ratios: number[] = [];
    const samples = new Map(stores.map((store) => [store, [] as number[]]));
    for (let run = 0; run < runs; run++) {
      const order = run % 2 === 0 ? stores : [...stores].reverse();
      for (const store of order) samples.get(store)!.push(await claims(store));
      const last = stores.map((store) => samples.get(store)!.at(-1)!);
      ratios.push(last.at(-1)! / last[0]!);
    }
    return {
      parked: stores.map((store) => ({
        instances: store.instances,
        claimMs: figure(samples.get(store)!),
      })),
      ratio: figure(ratios),
    };
  } finally {
    for (const { db } of stores) await db.close();
  }
}
