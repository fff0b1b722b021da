import { ask, startChild, stopChild } from '../support/child.ts';
import { type Figure, figure } from '../support/measure.ts';
import { processorUsBelow } from '../support/processors.ts';
import type { BenchServer } from '../support/server.ts';
import type { Consumer, Drained, Order } from './consumer.ts';
import { ISOLATIONS, type Isolation, queueOf, TABLE, TARGETS } from './queue.ts';

export interface CommandFigures {
  readonly isolation: Isolation;
  readonly keepsState: boolean;
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
/** Takes away what is there, and sends so many to each target; as sending does, but in two statements. */
async function fill(server: BenchServer, url: string, each: number): Promise<void> {
  const { kind } = queueOf('serializable', false);
  await server.run(
    url,
    'TRUNCATE holdfast.command, holdfast.command_target, holdfast.work, holdfast.ended_work',
    `INSERT INTO holdfast.command (queue, target, sequence, command, args, author, overtakes, awaited)
     SELECT '${kind}', 't' || t, s, 'add', '{}', 'bench', false, false
     FROM generate_series(1, ${each}) AS b (s), generate_series(1, ${TARGETS}) AS a (t)`,
    `INSERT INTO holdfast.command_target (queue, target, last_sequence, due_at)
     SELECT '${kind}', 't' || t, ${each}, now() FROM generate_series(1, ${TARGETS}) AS a (t)`,
    'VACUUM (ANALYZE)',
    'CHECKPOINT',
  );
}

const startConsumer = (consumer: Consumer) => startChild(new URL('./consumer.ts', import.meta.url), consumer);

const VARIANTS = ISOLATIONS.flatMap((isolation) => [
  { isolation, keepsState: false },
  { isolation, keepsState: true },
]);

interface Sample {
  readonly rate: number;
  readonly wal: number;
  readonly server: number;
  readonly client: number;
}

/** Fills the queue and has it carried out until the time is over; what is pending of each target runs out and is sent again. */
async function measureOnce(
  server: BenchServer,
  { url, isolation, keepsState }: (typeof VARIANTS)[number] & { readonly url: string },
  pending: number,
  seconds: number,
): Promise<Sample> {
  const child = await startConsumer({ url, isolation, keepsState, workers: WORKERS });
  try {
    // Connections and plans are warm then.
    await fill(server, url, 1);
    await ask<Drained>(child, { commands: TARGETS, seconds: 2 } satisfies Order);
    const sum = { commands: 0, ms: 0, wal: 0, server: 0, client: 0 };
    while (sum.ms < seconds * 900 || sum.commands === 0) {
      await fill(server, url, pending);
      const wal = await server.walPosition(url);
      const us = processorUsBelow([child.pid!]);
      const left = Math.max(0.1 * seconds, seconds - sum.ms / 1_000);
      const order: Order = { commands: TARGETS * pending, seconds: left };
      const drained = await ask<Drained>(child, order);
      sum.commands += drained.commands;
      sum.ms += drained.ms;
      sum.client += drained.clientUs;
      sum.server += processorUsBelow([child.pid!]) - us;
      sum.wal += (await server.walPosition(url)) - wal;
    }
    return {
      rate: (sum.commands * 1_000) / sum.ms,
      wal: sum.wal / sum.commands,
      server: sum.server / sum.commands,
      client: sum.client / sum.commands,
    };
  } finally {
    await stopChild(child);
  }
}

/** Commands a second over a thousand targets: by isolation, by declaration, by how many of each are pending; they take turns. */
export async function commands(server: BenchServer, runs: number, quick: boolean): Promise<CommandFigures[]> {
  const stores = await Promise.all(
    VARIANTS.map(async (variant, at) => {
      const url = await server.database(`commands_${at}`, { ours: true });
      await server.run(url, TABLE);
      return { ...variant, url };
    }),
  );
  const found: CommandFigures[] = [];
  for (const pending of [1, 10, 50]) {
    const samples = stores.map((): Sample[] => []);
    for (let run = 0; run < runs; run++)
      for (let i = 0; i < stores.length; i++) {
        const at = (i + run) % stores.length;
        samples[at]!.push(await measureOnce(server, stores[at]!, pending, quick ? 2 : 5));
      }
    for (const [at, { isolation, keepsState }] of stores.entries()) {
      const of = (key: keyof Sample) => figure(samples[at]!.map((one) => one[key]));
      found.push({
        isolation,
        keepsState,
        pending,
        rate: of('rate'),
        walBytes: of('wal'),
        ...(samples[at]![0]!.server > 0 ? { serverUs: of('server'), clientUs: of('client') } : {}),
      });
      console.log(
        `  ${isolation}, state ${keepsState ? 'kept' : 'read'}, ${pending} pending: ${of('rate').median}/s, ${of('wal').median} bytes of WAL, ${of('server').median} us server, ${of('client').median} us client`,
      );
    }
  }
  return found;
}

/** Carries a long backlog out with one consumer, and looks at its memory. */
export async function drain(server: BenchServer, count: number): Promise<DrainFigures> {
  const isolation = 'read committed';
  const url = await server.database('drain', { ours: true });
  const each = Math.ceil(count / TARGETS);
  await server.run(url, TABLE);
  await fill(server, url, each);
  const child = await startConsumer({ url, isolation, keepsState: true, workers: WORKERS });
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
