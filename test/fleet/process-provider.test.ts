import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  findAgent,
  listEpochs,
  makeAgentDirectory,
} from '../../examples/fleet/src/provider/agent-directory.ts';
import { ProcessProvider } from '../../examples/fleet/src/provider/process-provider.ts';
import { commandLineOf } from '../../examples/fleet/src/provider/process-table.ts';
import { AgentStartError } from '../../examples/fleet/src/provider/provider.ts';
import { waitFor } from '../support/wait-for.ts';

const main = fileURLToPath(new URL('../../examples/fleet/main.ts', import.meta.url));
const never = new AbortController().signal;
// Nothing listens there: these agents are never accepted, and retry until the end of their machine.
const agentCommand = [
  process.execPath,
  main,
  'fleet',
  'agent',
  '--agent-api',
  'http://127.0.0.1:1',
  '--agent-heartbeat-ms',
  '50',
] as const;

let directory: string;
let provider: ProcessProvider;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-machines-'));
  provider = new ProcessProvider({ directory, agentCommand });
});
afterEach(async () => {
  for (const { providerId } of await provider.listMachines()) await provider.destroyMachine(providerId);
  await rm(directory, { recursive: true, force: true });
});

async function createMachine() {
  const machineId = randomUUID();
  const { providerId } = await provider.createMachine({ machineId, name: 'node' });
  return { machineId, providerId, directory: join(directory, providerId) };
}

// What every provider promises is in provider.test.ts.
test('a machine that is asked for many times at once is one folder, and leaves no other', async () => {
  const request = { machineId: randomUUID(), name: 'node' };
  await Promise.all(Array.from({ length: 8 }, () => provider.createMachine(request)));
  expect(await readdir(directory)).toHaveLength(1);
});

test('an agent is a process of its own with a key of its own', async () => {
  const machine = await createMachine();
  const first = await provider.startAgent({ ...machine, epoch: 1n }, never);
  const agent = await findAgent(machine.directory, 1n);
  expect(agent?.pid).not.toBe(process.pid);
  expect(Buffer.from(first.publicKey).toString('base64')).toBe(agent?.publicKey);
});

test('an agent ends by itself when a higher epoch appears, no matter what started it', async () => {
  const machine = await createMachine();
  await provider.startAgent({ ...machine, epoch: 1n }, never);
  await makeAgentDirectory(machine.directory, 2n);
  await waitFor(async () => !(await findAgent(machine.directory, 1n)), { what: 'the agent to end' });
  expect(await readFile(join(machine.directory, 'agents/1/agent.log'), 'utf8')).toContain('"end":"unwanted"');
});

test('destroying a machine ends the processes of its agents, and leaves no epoch', async () => {
  const machine = await createMachine();
  await provider.startAgent({ ...machine, epoch: 1n }, never);
  const agent = await findAgent(machine.directory, 1n);
  await provider.destroyMachine(machine.providerId);
  // Not by its id: it stays a zombie until this process has reaped it.
  expect(await commandLineOf(agent!.pid)).toBe('');
  expect(await listEpochs(machine.directory)).toEqual([]);
});

test('what a destroyer left that was killed is no machine, and does not keep it from being created again', async () => {
  const { machineId, providerId } = await createMachine();
  await rm(join(directory, providerId, 'machine.json'));
  expect(await provider.listMachines()).toEqual([]);
  const again = { providerId, name: 'node' };
  expect(await provider.createMachine({ machineId, name: 'node' })).toEqual(again);
  expect(await provider.listMachines()).toEqual([again]);
  expect(await readdir(directory)).toEqual([providerId]);
});

test('what cannot be read is an error, and not a machine or an agent that is missing', async () => {
  const { providerId, directory: machine } = await createMachine();
  const missing = new ProcessProvider({ directory: join(directory, 'none yet'), agentCommand });
  expect(await missing.listMachines()).toEqual([]);
  const file = new ProcessProvider({ directory: join(machine, 'machine.json'), agentCommand });
  await expect(file.listMachines()).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(listEpochs(join(machine, 'machine.json'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await makeAgentDirectory(machine, 1n);
  await mkdir(join(machine, 'agents/1/agent.json'));
  await expect(findAgent(machine, 1n)).rejects.toMatchObject({ code: 'EISDIR' });
  await rm(join(machine, 'agents'), { recursive: true });
  await rename(join(machine, 'machine.json'), join(directory, 'kept.json'));
  await mkdir(join(machine, 'machine.json'));
  await expect(provider.listMachines()).rejects.toMatchObject({ code: 'EISDIR' });
  await rm(join(machine, 'machine.json'), { recursive: true });
  await rename(join(directory, 'kept.json'), join(machine, 'machine.json'));
  expect(await provider.listMachines()).toEqual([{ providerId, name: 'node' }]);
});

test('an agent does not learn how to get at the database', async () => {
  const script =
    'require("fs").writeFileSync(process.argv.at(-1) + "/up", Object.keys(process.env).join("\\n")); process.exit(1)';
  provider = new ProcessProvider({ directory, agentCommand: [process.execPath, '-e', script, '--'] });
  const machine = await createMachine();
  vi.stubEnv('HOLDFAST_DATABASE_URL', 'postgresql://u:sesame@h/d');
  vi.stubEnv('PGPASSWORD', 'sesame');
  await provider.startAgent({ ...machine, epoch: 1n }, never).catch(() => {});
  vi.unstubAllEnvs();
  const names = (await readFile(join(machine.directory, 'agents/1/up'), 'utf8')).split('\n');
  expect(names).toContain('PATH');
  expect(names.filter((name) => /DATABASE_URL|^PG/.test(name))).toEqual([]);
});

test('an agent that does not start is an error with its last words', async () => {
  provider = new ProcessProvider({
    directory,
    agentCommand: [process.execPath, '-e', 'console.error("no disk here"); process.exit(3)', '--'],
  });
  const machine = await createMachine();
  const start = provider.startAgent({ ...machine, epoch: 1n }, never);
  await expect(start).rejects.toBeInstanceOf(AgentStartError);
  await expect(start).rejects.toThrow(/no disk here$/);
});

test('a start that is called off leaves no agent', async () => {
  const script =
    'require("fs").writeFileSync(process.argv.at(-1) + "/up", String(process.pid)); setInterval(() => {}, 1000)';
  provider = new ProcessProvider({ directory, agentCommand: [process.execPath, '-e', script, '--'] });
  const machine = await createMachine();
  const calledOff = new AbortController();
  const start = provider.startAgent({ ...machine, epoch: 1n }, calledOff.signal).catch((error) => error);
  const pid = Number(
    await waitFor(() => readFile(join(machine.directory, 'agents/1/up'), 'utf8').catch(() => '')),
  );
  calledOff.abort(new Error('called off'));
  expect(await start).toMatchObject({ message: 'called off' });
  await waitFor(async () => (await commandLineOf(pid)) === '', { what: 'the agent to end' });
});
