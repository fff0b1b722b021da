import { randomBytes } from 'node:crypto';
import { access, chown, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConnectError, ifAbsent, invalidOption, isMisuse } from '../../base/index.ts';
import { type Account, canEnter, serverAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { initdbOptions, newPassword, passwordFileName } from './cluster.ts';
import { startGuard } from './guard.ts';

/** A durable folder: `data` is the cluster, `postgres.log` the server's log. */
export interface ClusterFolder {
  readonly dir: string;
  readonly data: string;
  readonly account: Account | undefined;
  /** How a program started in the data folder is to call it. */
  readonly dataArgument: string;
}

const majorVersion = '18';

/**
 * Makes the folder if it is not there, and checks that it is empty or ours.
 *
 * @throws MisuseError naming `dir`.
 */
export async function openClusterFolder(dir: string): Promise<ClusterFolder> {
  const data = join(dir, 'data');
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const account = await serverAccount(data);
    const names = (await readdir(dir)).filter((name) => !name.startsWith('.'));
    if (names.length === 0 && account !== undefined) await chown(dir, account.uid, account.gid);
    const ours = names.every((name) => name === 'data' || /^(staging|postgres)[-.]/.test(name));
    if (!ours) {
      throw invalidOption('dir', `${dir} has other files in it: name an empty or a new folder`);
    }
    const version = (await readFile(join(data, 'PG_VERSION'), 'utf8').catch(ifAbsent(majorVersion))).trim();
    if (version !== majorVersion) {
      throw invalidOption(
        'dir',
        `${dir} was made by PostgreSQL ${version}, this is ${majorVersion}: dump it there and load it here`,
      );
    }
    return { dir, data, account, dataArgument: await dataArgument(account, dir, data) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || isMisuse(error, 'HOLDFAST_INVALID_OPTION')) throw error;
    throw invalidOption('dir', `${dir} cannot be used (${code}): name a folder you may write to`, {
      cause: error,
    });
  }
}

/**
 * The account may be barred from the path (under root's home, say). The guard enters the folder before it
 * changes account, and Linux lets a process name the folder it is in without walking there.
 */
async function dataArgument(account: Account | undefined, dir: string, data: string): Promise<string> {
  if (await canEnter(account, dir)) return data;
  if (process.platform === 'linux') return '/proc/self/cwd';
  throw invalidOption('dir', `${dir} is closed to the account that the server runs as`);
}

/** Runs initdb unless the folder has a cluster. Of several at once, the first to finish is kept. */
export async function ensureCluster(folder: ClusterFolder, binaries: Binaries): Promise<void> {
  if (await hasCluster(folder)) return;
  const scratch = `staging-${randomBytes(8).toString('hex')}`;
  const guard = startGuard({
    account: folder.account,
    cwd: folder.dir,
    scratch,
    data: `${scratch}/data`,
    dataArgument:
      folder.dataArgument === folder.data ? join(folder.dir, scratch, 'data') : folder.dataArgument,
    log: `${scratch}/initdb.log`,
    initialise: { program: binaries.initdb, options: initdbOptions, password: newPassword() },
    stop: 'immediate',
  });
  const { failed, output } = await guard.ended;
  if (failed) throw new ConnectError('unavailable', `initdb failed in ${folder.dir}: ${output}`);
  await rename(join(folder.dir, scratch, 'data'), folder.data).catch(async (error) => {
    if (!(await hasCluster(folder))) throw error;
  });
  await rm(join(folder.dir, scratch), { recursive: true, force: true });
}

async function hasCluster(folder: ClusterFolder): Promise<boolean> {
  return access(join(folder.data, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

/** @throws MisuseError when the folder belongs to another account. */
export async function readPassword(folder: ClusterFolder): Promise<string> {
  const path = join(folder.data, passwordFileName);
  const owner = (await stat(folder.data)).uid;
  return readFile(path, 'utf8').catch((cause) => {
    throw invalidOption('dir', `${folder.dir} belongs to uid ${owner}: run as that account`, {
      cause,
    });
  });
}
