/** A worker process: a control loop for each operation, until it is told to stop or is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, runControlLoop, sql } from '../../src/index.ts';
import { startTelemetry } from '../telemetry/index.ts';
import { carryOut, datasetsOf, NEXT } from './pipeline.ts';

const [, , run, folder, interval] = process.argv as [string, string, string, string, string];
const datasets = datasetsOf(run);

// Before anything is waited for: the parent may die meanwhile, or have died already.
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit();

const telemetry = await startTelemetry({ service: 'holdfast-datasets-worker' });
await using db = await connect();
const loops = datasets.operations.map((operation) =>
  runControlLoop(db, {
    source: datasets.source(operation),
    component: operation,
    intervalMs: Number(interval), // dead this long after the last heartbeat
    handle: async (work) => {
      const name = work.target.slice(run.length + 1);
      const found = await carryOut(operation, folder, name);
      // So that some are killed in the middle.
      await sleep(Math.random() * 100);
      await datasets.of(work).finish({ enable: NEXT[operation] }, async (tx, generation) => {
        await tx.execute(sql`INSERT INTO observation
          VALUES (${run}, ${name}, ${operation}, ${generation}, ${process.pid}, ${found})`);
      });
    },
    onError: (error, during) =>
      console.error(`worker ${process.pid}, ${during}: ${(error as Error).message}`),
  }),
);
const stop = async () => {
  await Promise.all(loops.map((loop) => loop.stop()));
  await telemetry[Symbol.asyncDispose]();
  process.disconnect?.();
};
process.once('SIGTERM', stop);
await Promise.all(loops.map((loop) => loop.done));
