/** What must be true when the demo ends, by SQL and by a look at the host. */
import { readdir } from 'node:fs/promises';
import type { Database } from '../../src/index.ts';
import { findings, resourcesOf } from './generated/checks.ts';
import { greeting, type Host, processesNaming } from './host.ts';
import { reading } from './queues.ts';

/** Everything that is wrong; empty: nothing. */
export async function check(db: Database, host: Host): Promise<string[]> {
  const rows = await findings(reading(db), { host: host.name });
  const folders = await readdir(host.root);
  const pids = await processesNaming(host.root);
  const open: string[] = [];
  for (const { name, port } of await resourcesOf(reading(db), { host: host.name }))
    if (port !== null && (await greeting(Number(port))) === name)
      open.push(`port ${port} of ${name} is open`);
  return [
    ...rows.map(({ finding }) => finding),
    ...folders.map((folder) => `${folder} is still there`),
    ...pids.map((pid) => `process ${pid} still runs`),
    ...open,
  ];
}
