import { connect } from '../../src/index.ts';
import { ask, startChild, stopChild } from '../support/child.ts';
import { type Figure, figure } from '../support/measure.ts';
import { processorUsBelow } from '../support/processors.ts';
import type { BenchServer } from '../support/server.ts';
import type { Consumer, Drained, Order } from './consumer.ts';
import { ISOLATIONS, type Isolation, queueOf, TABLE, TARGETS } from './queue.ts';

export interface CommandFigures {
  readonly isolation: Isolation;
  /** Pending commands of each target when it begins. */
  readonly pending: number;
  /** Commands a second, eight targets at once. */
  readonly rate: Figure;
  /** A command, whole page images included. */
  readonly walBytes: Figure;
  readonly serverUs?: Figure;
  readonly clientUs?: Figure;
}

export interface DrainFigures {
  readonly commands: number;
  readonly isolation: Isolation;
  readonly perSecond: number;
  /** Largest resident memory of the consumer in bytes until a tenth was carried out, and until all was. */
  readonly rssAtTenth: number;
  readonly rssAtEnd: number;
}

const WORKERS = 8;
const CLEAR = [
  'TRUNCATE holdfast.command, holdfast.command_target, holdfast.work, holdfast.ended_work',
  'VACUUM (ANALYZE)',
  'CHECKPOINT',
];

const startConsumer = (consumer: Consumer) => startChild(new URL('./consumer.ts', import.meta.url), consumer);

/** Commands a second over a thousand targets, by isolation and by how many of each target are pending; they take turns. */
export async function commands(server: BenchServer, runs: number, quick: boolean): Promise<CommandFigures[]> {
  const stores = await Promise.all(
    ISOLATIONS.map(async (isolation, at) => {
      const url = await server.database(`commands_${at}`, { ours: true });
      await server.run(url, TABLE);
      return { isolation, url, db: await connect({ url }) };
    }),
  );
  const found: CommandFigures[] = [];
  for (const pending of [1, 10, 50]) {
    const waves = pending === 1 ? (quick ? 1 : 5) : 1;
    const samples = stores.map((): { rate: number; wal: number; server: number; client: number }[] => []);
    for (let run = 0; run < runs; run++)
      for (let i = 0; i < stores.length; i++) {
        const at = (i + run) % stores.length;
        const { isolation, url, db } = stores[at]!;
        const targets = quick ? TARGETS / 5 : TARGETS;
        const child = await startConsumer({ url, isolation, workers: WORKERS });
        await server.run(url, ...CLEAR);
        const sum = { ms: 0, wal: 0, server: 0, client: 0 };
        const send = (each: number) =>
          queueOf(isolation).sendMany(
            db,
            Array.from({ length: targets * each }, (_, n) => ({
              target: `t${(n % targets) + 1}`,
              command: 'add' as const,
            })),
            { author: 'bench' },
          );
        // Connections and plans are warm then.
        await send(1);
        await ask<Drained>(child, { commands: targets, marks: [] } satisfies Order);
        for (let wave = 0; wave < waves; wave++) {
          await send(pending);
          await server.run(url, 'VACUUM (ANALYZE)');
          const wal = await server.walPosition(url);
          const us = processorUsBelow([child.pid!]);
          const order: Order = { commands: targets * pending, marks: [] };
          const drained = await ask<Drained>(child, order);
          sum.ms += drained.ms;
          sum.client += drained.clientUs;
          sum.server += processorUsBelow([child.pid!]) - us;
          sum.wal += (await server.walPosition(url)) - wal;
        }
        await stopChild(child);
        const count = waves * targets * pending;
        samples[at]!.push({
          rate: (count * 1_000) / sum.ms,
          wal: sum.wal / count,
          server: sum.server / count,
          client: sum.client / count,
        });
      }
    for (const [at, { isolation }] of stores.entries()) {
      const of = (key: 'rate' | 'wal' | 'server' | 'client') => figure(samples[at]!.map((one) => one[key]));
      found.push({
        isolation,
        pending,
        rate: of('rate'),
        walBytes: of('wal'),
        ...(samples[at]![0]!.server > 0 ? { serverUs: of('server'), clientUs: of('client') } : {}),
      });
      console.log(
        `  ${isolation}, ${pending} pending: ${of('rate').median}/s, ${of('wal').median} bytes of WAL, ${of('server').median} us server, ${of('client').median} us client`,
      );
    }
  }
  for (const { db } of stores) await db.close();
  return found;
}

/** Carries a long backlog out with one consumer, and looks at its memory. */
export async function drain(server: BenchServer, count: number): Promise<DrainFigures> {
  const isolation = 'read committed';
  const url = await server.database('drain', { ours: true });
  const each = Math.ceil(count / TARGETS);
  const kind = queueOf(isolation).kind;
  await server.run(
    url,
    TABLE,
    `INSERT INTO holdfast.command (queue, target, sequence, command, args, author, overtakes, awaited)
     SELECT '${kind}', 't' || t, s, 'add', '{}', 'bench', false, false
     FROM generate_series(1, ${TARGETS}) AS a (t), generate_series(1, ${each}) AS b (s)`,
    `INSERT INTO holdfast.command_target (queue, target, last_sequence, due_at)
     SELECT '${kind}', 't' || t, ${each}, now() FROM generate_series(1, ${TARGETS}) AS a (t)`,
    'VACUUM (ANALYZE)',
    'CHECKPOINT',
  );
  const child = await startConsumer({ url, isolation, workers: WORKERS });
  const order: Order = { commands: each * TARGETS, marks: [0.1, 1] };
  const { ms, rss } = await ask<Drained>(child, order);
  await stopChild(child);
  return {
    commands: each * TARGETS,
    isolation,
    perSecond: Math.round((each * TARGETS * 1_000) / ms),
    rssAtTenth: rss[0]!,
    rssAtEnd: rss[1]!,
  };
}
