import { chmod, lstat, mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Account } from '../../src/database/embedded/account.ts';
import type { Binaries } from '../../src/database/embedded/binaries.ts';
import { runnableBinaries } from '../../src/database/embedded/binary-cache.ts';

const someoneElse: Account = { uid: 12_345, gid: 12_345 };

/** A small stand-in for the package, in a folder that only its owner may enter. */
async function closedPackage(): Promise<{ readonly installed: Binaries; readonly temporary: string }> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const native = join(root, 'home', 'native');
  const temporary = join(root, 'tmp');
  await mkdir(temporary);
  for (const folder of ['bin', 'lib', 'share/postgresql'])
    await mkdir(join(native, folder), { recursive: true });
  for (const file of ['bin/postgres', 'bin/initdb', 'lib/libpq.so.5.18', 'share/postgresql/postgres.bki']) {
    await writeFile(join(native, file), file);
  }
  await writeFile(
    join(native, 'pg-symlinks.json'),
    JSON.stringify([{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }]),
  );
  await chmod(join(root, 'home'), 0o700);
  const installed = {
    root: native,
    initdb: join(native, 'bin/initdb'),
    postgres: join(native, 'bin/postgres'),
    version: '1.2.3',
  };
  return { installed, temporary };
}

test('binaries that the account cannot reach are copied, readable to it, with their links', async () => {
  const { installed, temporary } = await closedPackage();
  const copies = await Promise.all(
    Array.from({ length: 5 }, () => runnableBinaries(installed, someoneElse, temporary)),
  );
  expect(new Set(copies.map(({ postgres }) => postgres)).size).toBe(1);
  const { root, postgres } = copies[0]!;
  expect((await lstat(postgres)).mode & 0o777).toBe(0o755);
  expect((await lstat(root)).mode & 0o777).toBe(0o755);
  expect(await readlink(join(root, 'lib/libpq.so.5'))).toBe('libpq.so.5.18');
});

test('a copy that lost files is made again', async () => {
  const { installed, temporary } = await closedPackage();
  const { root } = await runnableBinaries(installed, someoneElse, temporary);
  await rm(join(root, 'share/postgresql/postgres.bki'));
  const again = await runnableBinaries(installed, someoneElse, temporary);
  expect(again.root).toBe(root);
  expect((await lstat(join(root, 'share/postgresql/postgres.bki'))).isFile()).toBe(true);
});

test('a folder of that name that others may write to is not trusted and not touched', async () => {
  const { installed, temporary } = await closedPackage();
  const { root } = await runnableBinaries(installed, someoneElse, temporary);
  await writeFile(join(root, 'bin/postgres'), 'something nasty');
  await chmod(root, 0o777);
  const other = await runnableBinaries(installed, someoneElse, temporary);
  expect(other.root).not.toBe(root);
  expect((await lstat(other.postgres)).size).toBe('bin/postgres'.length);
});
