import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Holder {
  readonly pid: number;
  readonly url: string;
  readonly dir: string;
  /** Process id of the server. */
  readonly postmaster: number;
  readonly exited: Promise<unknown>;
}

/** Another process that starts an embedded server and holds it, or ends at once without stopping it. */
export async function startHolder(
  options: { readonly dir?: string; readonly mode?: 'hold' | 'leave' } = {},
): Promise<Holder> {
  const script = fileURLToPath(new URL('./holder.ts', import.meta.url));
  const child = spawn(process.execPath, [script, options.mode ?? 'hold', options.dir ?? ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => Promise.reject(new Error('the holder ended early'))),
  ])) as [string];
  return { pid: child.pid!, exited, ...JSON.parse(line) };
}

export function isGone(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return false;
  } catch {
    return true;
  }
}
