import { connect } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';
import { type Figure, figure, rate } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';

export interface OperationFigures {
  /** Hand-overs a second of eight workers: the end of one operation, and another one made READY, in one transaction. */
  readonly rate: Figure;
  readonly walBytes: Figure;
}

const WORKERS = 8;
const pipeline = definePipeline({ name: 'bench', operations: ['first', 'second'] });

export async function operations(
  server: BenchServer,
  runs: number,
  quick: boolean,
): Promise<OperationFigures> {
  const url = await server.database('operations', { ours: true });
  await using db = await connect({ url });
  await using session = await db.startSession({ component: 'bench', intervalMs: 600_000 });
  const count = quick ? 200 : 2_000;
  const rates: number[] = [];
  const wal: number[] = [];
  for (let run = 0; run <= runs; run++) {
    await server.run(
      url,
      `INSERT INTO holdfast.operation (target, kind, state, requested)
       SELECT 'r${run}n' || n, '${pipeline.kindOf('first')}', 'READY', 1
       FROM generate_series(1, ${count}) AS g (n)`,
      'VACUUM (ANALYZE)',
      'CHECKPOINT',
    );
    const taken = await pipeline.take(session, 'first', { wanted: count });
    const before = await server.walPosition(url);
    const measured = await rate(count, WORKERS, () => taken.pop()!.finish({ enable: ['second'] }));
    // The first warms up.
    if (run === 0) continue;
    rates.push(measured);
    wal.push(((await server.walPosition(url)) - before) / count);
  }
  return { rate: figure(rates), walBytes: figure(wal) };
}
