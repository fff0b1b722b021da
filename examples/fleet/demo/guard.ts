/**
 * The process that cleans up behind the demo, however the demo ends: it waits for the end of its standard
 * input, which the demo holds open, then ends every agent and removes the demo's folder. An agent that comes
 * up only after that finds no folder and ends by itself.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent } from '../src/absent.ts';
import { killAgents, listEpochs } from '../src/provider/agent-directory.ts';

const directory = process.argv[2] as string;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
let said = '';
for await (const chunk of process.stdin) said += String(chunk);

const machines = join(directory, 'machines');
for (const name of await readdir(machines).catch(ifAbsent([]))) {
  const machine = join(machines, name);
  await killAgents(machine, await listEpochs(machine));
}
// The logs stay when the demo asks for it, because something went wrong.
const remove = said.trim() === 'keep' ? machines : directory;
await rm(remove, { recursive: true, force: true, maxRetries: 5 });
