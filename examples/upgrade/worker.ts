/** A worker process: a control loop for each workflow, until it is told to stop or is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/index.ts';
import { startTelemetry } from '../telemetry/index.ts';
import { charmsOf, failOnce, startExecutor, writeCharm } from './machine.ts';
import { relation, unit } from './workflows.ts';

const [, , run, root, interval] = process.argv as [string, string, string, string, string];

// Before anything is waited for: the parent may die meanwhile, or have died already.
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit();

const telemetry = await startTelemetry({ service: 'holdfast-upgrade-worker' });
await using db = await connect();
const rest = {
  intervalMs: Number(interval), // dead this long after the last heartbeat
  parallelism: 4,
  pollIntervalMs: 200,
  onError: (error: unknown, during: string) =>
    console.error(`worker ${process.pid}, ${during}: ${(error as Error).message}`),
};
const loops = [
  unit.runLoop(db, {
    ...rest,
    component: 'unit agent',
    // An interrupted upgrade is finished first: half of the files are of the next charm.
    beforeSynchronize: async ({ target, state, inFlight }) => {
      if (state === 'started' && inFlight?.transition !== 'upgrade')
        await startExecutor(db, run, root, target);
    },
    actions: {
      install: async ({ target, signal }) => {
        await failOnce(root, target, 'install');
        await writeCharm(root, target, 1, signal);
        return { charm: 1 };
      },
      retry_install: async ({ target, signal }) => {
        await writeCharm(root, target, 1, signal);
        return { charm: 1 };
      },
      start: () => sleep(Math.random() * 50),
      configure: ({ target }) => failOnce(root, target, 'config'),
      upgrade: async ({ target, args, signal }) => {
        await failOnce(root, target, 'upgrade');
        await writeCharm(root, target, args.charm, signal);
      },
      retry_upgrade_hook: async ({ target, args, signal }) => {
        await writeCharm(root, target, args.charm, signal);
      },
      stop: async ({ target }) => ({ last: (await charmsOf(root, target)).join(',') }),
    },
  }),
  relation.runLoop(db, {
    ...rest,
    component: 'relation agent',
    actions: { join: () => sleep(Math.random() * 50) },
  }),
];
const stop = async () => {
  await Promise.all(loops.map((loop) => loop.stop()));
  await telemetry[Symbol.asyncDispose]();
  process.disconnect?.();
};
process.once('SIGTERM', stop);
await Promise.all(loops.map((loop) => loop.done));
