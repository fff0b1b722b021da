/** `npm run demo -- --console`: pages to look into the demo, and a machine that waits for somebody who looks. */
import { join } from 'node:path';
import { type Listening, listenForConsole } from '../../../src/console/index.ts';
import { connect, type Database } from '../../../src/index.ts';
import { machinesFace } from '../src/console/machines-face.ts';
import { RECOVER } from '../src/processes.ts';
import { findAgent } from '../src/provider/agent-directory.ts';
import { readFleet } from './fleet-view.ts';

const CAUSE = 'the demo killed its agent and keeps everybody from recovering it: release it';

/** On connections of its own, so that what is looked at slows nothing down. */
export async function openConsole({ url }: Database): Promise<Listening> {
  const db = await connect({ url, applicationName: 'holdfast-demo-console', pool: { max: 2 } });
  const server = await listenForConsole({ db, faces: [machinesFace()], actions: true }).catch(
    async (error: unknown) => {
      await db.close();
      throw error;
    },
  );
  const stop: Listening['stop'] = async (how) => {
    await server.stop(how);
    await db.close();
  };
  return { url: server.url, stop, [Symbol.asyncDispose]: () => stop() };
}

/** Quarantines the recovery of a machine, and kills its agent. Gives the machine's name. */
export async function leaveStuck(db: Database, machinesDirectory: string): Promise<string> {
  const machine = (await readFleet(db)).machines.find(({ state }) => state === 'running');
  if (!machine) throw new Error('no machine is running');
  const { machineId, name, providerId, agentEpoch } = machine;
  await db.kinds.set(RECOVER, { quarantineAfter: 3 });
  // A recovery may be under way.
  while (!(await db.kinds.quarantine(RECOVER, machineId, CAUSE)));
  const agent = await findAgent(join(machinesDirectory, providerId ?? ''), agentEpoch ?? 0n);
  if (agent) process.kill(agent.pid, 'SIGKILL');
  return name;
}
