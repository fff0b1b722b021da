import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { ConnectError } from '../../base/index.ts';

/** The operating-system account that the server runs as, when that is not the current one. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as uid 0. As root, the server runs as the owner of the folder if that is
 * somebody else, or else as an unprivileged account that every system has: `postgres` or `nobody`.
 * Undefined means the current account.
 */
export async function serverAccount(dataDir?: string): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const owner = dataDir === undefined ? undefined : await stat(dataDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    const uid = Number(fields?.[2]);
    const gid = Number(fields?.[3]);
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  throw new ConnectError(
    'unavailable',
    'PostgreSQL does not run as root, and there is no account postgres or nobody: run as a normal user',
  );
}

/** Whether the account may enter the folder, going by owner, group and mode of it and its ancestors. */
export async function canEnter(account: Account | undefined, dir: string): Promise<boolean> {
  if (account === undefined) return true;
  for (let current = resolve(dir); ; current = dirname(current)) {
    const { uid, gid, mode } = await stat(current);
    const needed = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) return false;
    if (current === dirname(current)) return true;
  }
}

/** A folder for temporary files that the account can enter. */
export async function temporaryRoot(account: Account | undefined): Promise<string> {
  const preferred = tmpdir();
  const usable = await canEnter(account, preferred).catch(() => false);
  return usable ? preferred : '/tmp';
}
