import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Nothing is sent outside. */
const ENVIRONMENT = { COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING: 'true', COCKROACH_CRASH_REPORTS: '' };

/** What to say where there is no binary. */
export const NO_BINARY =
  'a cluster needs a cockroach binary on PATH (v22.1 or newer), of which three nodes are started on loopback: put one there';

/** The `cockroach` binary on PATH, if there is one. */
export async function findCockroach(): Promise<string | undefined> {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, 'cockroach');
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found && dir !== '') return path;
  }
  return undefined;
}

/** A server of the tests. */
export interface CockroachProcess {
  readonly pid: number;
  /** Resolves when the server has ended, or was ended. */
  readonly ended: Promise<void>;
  /** Kills it if it runs, and removes its folder. */
  stop(): Promise<void>;
}

/** Says the server's id, and when it has ended. Waits for its own input to end, which it also does when the parent is gone. */
const GUARD = `exec 3<&0; "$@" 3<&- </dev/null >/dev/null 2>&1 & server=$!; echo $server
  { cat <&3 >/dev/null; kill -s KILL $server; } & watcher=$!
  wait $server; echo ended; kill $watcher 2>/dev/null; cat <&3 >/dev/null; rm -rf -- "$DIR"`;

/** Starts the binary. It ends with this process, however that ends, and the folder `dir` goes with it. */
export async function spawnCockroach(
  binary: string,
  args: readonly string[],
  dir: string,
): Promise<CockroachProcess> {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'cockroach-guard', binary, ...args], {
    cwd: dir,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...ENVIRONMENT, DIR: dir },
  });
  const closed = new Promise<void>((resolve) => guard.once('close', () => resolve()));
  const lines = createInterface({ input: guard.stdout });
  const pid = new Promise<number>((resolve, reject) => {
    lines.once('line', (line) => resolve(Number(line)));
    guard.once('error', reject);
  });
  const ended = new Promise<void>((resolve) => {
    lines.on('line', (line) => line === 'ended' && resolve());
    guard.once('close', () => resolve());
  });
  return {
    pid: await pid,
    ended,
    stop: async () => {
      guard.stdin.end();
      await closed;
    },
  };
}
