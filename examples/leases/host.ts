/**
 * What leases and resources are on a host: folders, processes, ports. Everything is found again by the name of its resource
 * or lease, so that each of these may be done again after a worker was killed in the middle of it.
 */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ifAbsent } from '../fleet/src/absent.ts';
import { commandLineOf } from '../fleet/src/provider/process-table.ts';

const RESIDENT = fileURLToPath(new URL('./resident.ts', import.meta.url));
const START_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 10_000;

interface Resident {
  readonly pid: number;
  readonly port: number;
}

export class Host {
  readonly name: string;
  readonly root: string;
  readonly #owner: number;

  /** `root`: a folder that is there. `owner`: process with which all processes of the host end. */
  constructor(name: string, root: string, owner: number) {
    this.name = name;
    this.root = root;
    this.#owner = owner;
  }

  /** Makes the resource's folder and starts its process, unless they are there. `port`: 0 for none. */
  async startResource(resource: string, port: number): Promise<void> {
    const folder = this.#folder(resource);
    // Not the root: where that is gone, nothing may come into being.
    await mkdir(folder).catch(unless('EEXIST'));
    const found = await residentOf(folder);
    if (found && (await runs(found.pid, folder))) return;
    if (found) await unlink(join(folder, 'process.json')).catch(unless('ENOENT'));
    const child = spawn(process.execPath, [RESIDENT, folder, String(port), String(this.#owner)], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'] },
    });
    child.unref();
    let until = performance.now() + START_WITHIN_MS;
    // Another one, started before, may be about to say that it is there.
    child.once('exit', () => {
      until = Math.min(until, performance.now() + 1_000);
    });
    child.once('error', () => {
      until = 0;
    });
    while (!(await residentOf(folder))) {
      if (performance.now() > until)
        throw new Error(`no process came up in ${resource}${port ? `, port ${port}` : ''}`);
      await sleep(10);
    }
  }

  /** Ends the resource's process and removes its folder, as far as they are there. */
  async stopResource(resource: string): Promise<void> {
    const folder = this.#folder(resource);
    const trash = `${folder}.destroyed`;
    // At once: a process that comes up only now finds no folder.
    await rename(folder, trash).catch(unless('ENOENT'));
    const found = await residentOf(trash);
    const until = performance.now() + STOP_WITHIN_MS;
    while (found && (await runs(found.pid, folder))) {
      if (performance.now() > until) throw new Error(`process ${found.pid} of ${resource} does not end`);
      kill(found.pid);
      await sleep(5);
    }
    await rm(trash, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Makes the lease's folder in that of its resource, whose process has to be there and to answer. */
  async openLease(resource: string, lease: string): Promise<void> {
    const found = await residentOf(this.#folder(resource));
    if (!found || !(await runs(found.pid, this.#folder(resource))))
      throw new Error(`the process of ${resource} is gone`);
    if (found.port && (await greeting(found.port)) !== resource)
      throw new Error(`${resource} does not answer on port ${found.port}`);
    await mkdir(this.leaseFolder(resource, lease)).catch(unless('EEXIST'));
  }

  /** Removes the lease's folder, if it is there. */
  closeLease(resource: string, lease: string): Promise<void> {
    return rm(this.leaseFolder(resource, lease), { recursive: true, force: true, maxRetries: 3 });
  }

  leaseFolder(resource: string, lease: string): string {
    return join(this.#folder(resource), `lease-${lease}`);
  }

  #folder(resource: string): string {
    return join(this.root, resource);
  }
}

/** A port of the loopback interface that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What who listens on a port of the loopback interface says first; undefined: nobody does. */
export function greeting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      said += String(chunk);
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(said.trim() || undefined));
  });
}

/** Ids of processes in whose command line the text is. */
export async function processesNaming(text: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(ifAbsent<string[]>([])))
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const lines = await Promise.all(pids.map(commandLineOf));
  return pids.filter((pid, i) => pid !== process.pid && lines[i]!.includes(text));
}

async function residentOf(folder: string): Promise<Resident | undefined> {
  const text = await readFile(join(folder, 'process.json'), 'utf8').catch(unless('ENOENT'));
  return text === undefined ? undefined : (JSON.parse(text) as Resident);
}

/** Whether the process is the one in this folder: its id may be another's by now. */
const runs = async (pid: number, folder: string) => (await commandLineOf(pid)).includes(` ${folder} `);

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

const unless = (code: string) => (error: NodeJS.ErrnoException) => {
  if (error.code !== code) throw error;
  return undefined;
};
