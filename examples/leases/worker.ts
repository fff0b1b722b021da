/**
 * A worker process: `node worker.ts HOST ROOT OWNER MOST INTERVAL [KIND]`, until it is told to stop, is killed, or its parent is gone.
 * It kills itself before it records the first effect of work of that kind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/index.ts';
import { startTelemetry } from '../telemetry/index.ts';
import { Host } from './host.ts';
import { runLoops } from './loops.ts';

const [, , name, root, owner, most, interval, dieAt] = process.argv as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string?,
];

process.once('disconnect', () => process.exit());
const telemetry = await startTelemetry({ service: 'holdfast-leases-worker' });
await using db = await connect();
const loops = runLoops(db, {
  host: new Host(name, root, Number(owner)),
  most: Number(most),
  intervalMs: Number(interval),
  between: async (kind) => {
    if (kind === dieAt) process.kill(process.pid, 'SIGKILL');
    // So that some are killed in the middle.
    await sleep(Math.random() * 30);
  },
  onError: (error, during) => {
    if (process.env['LEASES_VERBOSE']) console.error(during, error);
  },
});
process.once('SIGTERM', async () => {
  await Promise.all(loops.map((loop) => loop.stop()));
  await telemetry[Symbol.asyncDispose]();
  process.disconnect?.();
});
await Promise.all(loops.map((loop) => loop.done));
