import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, cp, lstat, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConnectError, ifAbsent } from '../../base/index.ts';
import { type Account, canEnter } from './account.ts';
import { type Binaries, libraryLinks, relocate } from './binaries.ts';

/**
 * Gives binaries that the account can run: the installed ones where it may enter their folder (it may not
 * when they lie under a private home), or else a copy under `temporary`, made once per release and owner.
 *
 * The copy is made beside its place and renamed into it, so that a concurrent start sees all of it or
 * nothing. A folder of that name that is not ours, or that others may write to, is left alone.
 */
export async function runnableBinaries(
  installed: Binaries,
  account: Account | undefined,
  temporary: string,
): Promise<Binaries> {
  if (await isRunnable(installed, account)) return installed;
  const owner = process.geteuid?.() ?? 0;
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const suffix = attempt === 0 ? '' : `-${attempt}`;
    const place = join(temporary, `holdfast-postgres-${installed.version}-${owner}${suffix}`);
    const found = await lstat(place).catch(ifAbsent(undefined));
    if (found === undefined) await install(installed, place);
    if (!(await isOurs(place, owner))) continue;
    if (!(await isComplete(installed.root, place))) {
      await discard(place);
      await install(installed, place);
    }
    return relocate(installed, place);
  }
  throw new ConnectError(
    'unavailable',
    `the copy of the PostgreSQL binaries has no place: remove ${temporary}/holdfast-postgres-* made by others`,
  );
}

async function isRunnable(binaries: Binaries, account: Account | undefined): Promise<boolean> {
  for (const folder of ['bin', 'lib', 'share/postgresql']) {
    if (!(await canEnter(account, join(binaries.root, folder)))) return false;
  }
  const { mode } = await lstat(binaries.postgres);
  if ((mode & 0o005) !== 0o005 && account !== undefined) return false;
  for (const { link } of await libraryLinks(binaries.root)) {
    if (!(await exists(join(binaries.root, link)))) return false;
  }
  return true;
}

async function install(from: Binaries, place: string): Promise<void> {
  const staging = `${place}.${randomBytes(8).toString('hex')}`;
  try {
    await mkdir(staging, { mode: 0o700 });
    await cp(from.root, staging, {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
    });
    for (const { link, target } of await libraryLinks(from.root)) {
      const path = join(staging, link);
      if (!(await exists(path))) {
        await mkdir(dirname(path), { recursive: true });
        await symlink(target, path);
      }
    }
    await openToAll(staging);
    await rename(staging, place).catch((error: NodeJS.ErrnoException) => {
      // Somebody was quicker: theirs is checked like any other.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST' && error.code !== 'ENOTDIR') throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Readable to every account, writable to none but the owner. */
async function openToAll(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, entry.parentPath === join(root, 'bin') ? 0o755 : 0o644);
  }
  await chmod(root, 0o755);
}

async function isOurs(place: string, owner: number): Promise<boolean> {
  const found = await lstat(place).catch(ifAbsent(undefined));
  return found?.isDirectory() === true && found.uid === owner && (found.mode & 0o022) === 0;
}

/** False when something (a sweeper of old temporary files, say) took files away. */
async function isComplete(source: string, copy: string): Promise<boolean> {
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const [wanted, found] = await Promise.all([
      lstat(path),
      lstat(join(copy, path.slice(source.length))).catch(() => undefined),
    ]);
    if (found?.size !== wanted.size) return false;
  }
  for (const { link } of await libraryLinks(source)) {
    if (!(await exists(join(copy, link)))) return false;
  }
  return true;
}

async function discard(place: string): Promise<void> {
  const aside = `${place}.${randomBytes(8).toString('hex')}`;
  await rename(place, aside).catch(() => undefined);
  await rm(aside, { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
