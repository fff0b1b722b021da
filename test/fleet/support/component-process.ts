import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../examples/fleet/main.ts', import.meta.url));

export interface ComponentProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves with its log entry when it has said this. */
  said(message: string): Promise<Record<string, unknown>>;
  /** Sends a signal and resolves with the exit code, or with the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** `holdfast fleet <component>` as a process of its own. */
export function startComponent(
  component: string,
  args: readonly string[],
  url: string,
  env: Readonly<Record<string, string>> = {},
): ComponentProcess {
  const child: ChildProcess = spawn(
    process.execPath,
    [main, 'fleet', component, '--stop-on-stdin-end', ...args],
    { env: { ...process.env, ...env, HOLDFAST_DATABASE_URL: url }, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  const entries: Record<string, unknown>[] = [];
  const listeners = new Set<() => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    entries.push(JSON.parse(line) as Record<string, unknown>);
    for (const listener of listeners) listener();
  });
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return {
    pid: child.pid!,
    said: (message) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const entry = entries.find(({ msg }) => msg === message);
          if (entry) resolve(entry);
        };
        listeners.add(look);
        look();
        void exited.then((how) => reject(new Error(`${component} ended (${how}) before it said ${message}`)));
      }),
    end,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
    },
  };
}
