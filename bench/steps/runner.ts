/** One system's workers in a process of their own: until the parent says stop, or is gone. */
import { systems } from './systems.ts';

export interface Runner {
  readonly system: string;
  readonly url: string;
  readonly workers: number;
  readonly backlog: number;
}

const { system, url, workers, backlog } = JSON.parse(process.argv[2]!) as Runner;
const running = await systems.find(({ name }) => name === system)!.start(url, workers, backlog);
process.on('disconnect', () => process.exit());
process.on('message', async (said) => {
  if (said === 'cpu') {
    const { user, system: kernel } = process.cpuUsage();
    process.send?.(user + kernel);
    return;
  }
  await running.stop();
  process.exit();
});
process.send?.('up');
