import { readFile, readlink, realpath, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent } from '../../base/index.ts';

/** What the server writes about itself into its data folder. */
export interface PostmasterFile {
  readonly processId: number;
  readonly host: string;
  readonly port: number;
  readonly ready: boolean;
}

/** Reads postmaster.pid; undefined when there is none, or it is not complete yet. */
export async function readPostmasterFile(data: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(ifAbsent(''));
  const lines = text.split('\n');
  const processId = Number(lines[0]);
  const port = Number(lines[3]);
  if (!(processId > 0) || !(port > 0)) return undefined;
  // A standby that can be read from says so otherwise.
  return {
    processId,
    host: lines[5]?.trim() || '127.0.0.1',
    port,
    ready: /^(ready|standby)$/.test(lines[7]?.trim() ?? ''),
  };
}

export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Removes the lock file of a server that was killed and whose process id now belongs to something else
 * (usual in containers), which PostgreSQL itself would take for a running server. A dead process id it
 * copes with by itself. Only where /proc tells; young files are left alone, a start may be under way.
 */
export async function removeStaleLock(data: string): Promise<void> {
  const found = await readPostmasterFile(data);
  if (found === undefined || !isAlive(found.processId)) return;
  const path = join(data, 'postmaster.pid');
  try {
    const [cwd, real, file] = await Promise.all([
      readlink(`/proc/${found.processId}/cwd`),
      realpath(data),
      stat(path),
    ]);
    if (cwd !== real && Date.now() - file.mtimeMs > 10_000) await unlink(path);
  } catch {
    // No /proc, or another account's process: PostgreSQL decides.
  }
}
