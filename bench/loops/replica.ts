/** One replica in a process of its own: runs until its parent says stop, or is gone. */
import { type Replica, startReplica } from './runners.ts';

const replica = JSON.parse(process.argv[2]!) as Replica;
const running = await startReplica(replica, (job) => {
  if (process.env['HOLDFAST_BENCH_TELL']) process.send?.({ job, at: Date.now() });
});
process.on('disconnect', () => process.exit());
process.once('message', async () => {
  await running.stop();
  process.disconnect?.();
});
process.send?.('up');
