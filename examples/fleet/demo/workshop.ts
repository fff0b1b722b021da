/** The demo's folder in the system's temporary one, and the guard that removes it with all that lives in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Workshop {
  readonly directory: string;
  readonly machines: string;
  readonly logs: string;
  /** NODE_COMPILE_CACHE of the components. */
  readonly compileCache: string;
  /** Resolves when the cache is filled. Never rejects: without it things are slower, no more. */
  readonly warm: Promise<void>;
  /** Ends every agent and removes the folder; with `keepLogs` the logs stay. Resolves when that is done. */
  close(options: { readonly keepLogs: boolean }): Promise<void>;
}

export async function openWorkshop(): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  const machines = join(directory, 'machines');
  const logs = join(directory, 'logs');
  await Promise.all([mkdir(machines), mkdir(logs)]);
  const compileCache = join(directory, 'compile-cache');
  const guard = startGuard(directory);
  const warm = fill(compileCache);
  const exited = new Promise<void>((resolve) => guard.once('exit', () => resolve()));
  return {
    directory,
    machines,
    logs,
    compileCache,
    warm,
    close: async ({ keepLogs }) => {
      await warm;
      guard.stdin?.end(keepLogs ? 'keep' : '');
      await exited;
    },
  };
}

const script = (name: string) =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));

function fill(compileCache: string): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, script('warm')], {
    stdio: 'ignore',
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  return new Promise((resolve) => child.once('error', () => resolve()).once('exit', () => resolve()));
}

function startGuard(directory: string): ChildProcess {
  const guard = spawn(process.execPath, [...process.execArgv, script('guard'), directory], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // Out of the terminal's reach: Ctrl-C must not end it.
    detached: true,
    cwd: tmpdir(),
  });
  guard.stdin?.on('error', () => {});
  return guard;
}
