import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { install } from '../../examples/sync/npm.ts';
import { foldersWithDependencies, pack, packInstalled } from '../../examples/sync/packages.ts';
import { Registry } from '../../examples/sync/registry.ts';
import { connect, type Database, type Session } from '../../src/index.ts';
import { npmPlugin } from '../../src/plugins/index.ts';
import { listenForRepositories } from '../../src/serving/index.ts';
import { createRepository, directoryStore, syncRepository } from '../../src/sync/index.ts';
import { createTestDatabase } from '../support/database.ts';

let db: Database;
let session: Session;
let folder: string;
beforeAll(async () => {
  const { url } = await createTestDatabase();
  db = await connect({ url });
  session = await db.startSession({ component: 'one', intervalMs: 600_000 });
  folder = await mkdtemp(join(tmpdir(), 'holdfast-npm-'));
});
afterAll(async () => {
  await db?.close();
  await rm(folder, { recursive: true, force: true });
});

test.each(['immediate', 'on demand'] as const)(
  'npm installs a package with all that it depends on from a repository, whose files are %s, and from nowhere else',
  async (policy) => {
    await using registry = await Registry.start();
    const names = ['cli-progress', '@types/cli-progress'];
    for (const one of await foldersWithDependencies(names)) registry.publish(await pack(one));
    const store = await directoryStore(join(folder, 'store', policy));
    const repository = `npm-${policy.replace(' ', '-')}`;
    const settings = { url: registry.url, packages: names, dependencies: true, policy };
    await createRepository(db, repository, { plugin: 'npm', settings });
    const plugins = [npmPlugin];
    await syncRepository(session, repository, { plugins, store });
    registry.forget();
    await using server = await listenForRepositories({ db, store, plugins });
    const signal = AbortSignal.timeout(120_000);
    for (const [round, name] of names.entries()) {
      const to = join(folder, policy, String(round));
      const { packages, fromElsewhere } = await install(to, `${server.url}/${repository}`, name, signal);
      expect(packages).toBeGreaterThan(1);
      expect(fromElsewhere).toEqual([]);
    }
    expect(registry.asked).toMatchObject({ documents: 0, manifests: 0 });
    expect(registry.asked.tarballs > 0).toBe(policy === 'on demand');
  },
);

test('npm goes on with the version it was given by its number, whatever came since', async () => {
  await using registry = await Registry.start();
  registry.publish(await packInstalled('fresh', { version: '1.0.0' }));
  const store = await directoryStore(join(folder, 'store', 'pinned'));
  const plugins = [npmPlugin];
  const settings = { url: registry.url, packages: ['fresh'] };
  await createRepository(db, 'pinned', { plugin: 'npm', settings });
  await syncRepository(session, 'pinned', { plugins, store });
  registry.publish(await packInstalled('fresh', { version: '2.0.0' }));
  await syncRepository(session, 'pinned', { plugins, store });
  await using server = await listenForRepositories({ db, store, plugins });
  const [first, newest] = [`${server.url}/pinned/@1`, `${server.url}/pinned`];
  const signal = AbortSignal.timeout(120_000);
  await install(join(folder, 'first'), first, 'fresh@1.0.0', signal);
  await install(join(folder, 'newest'), newest, 'fresh@2.0.0', signal);
  await expect(install(join(folder, 'missing'), first, 'fresh@2.0.0', signal)).rejects.toThrow(
    /ETARGET|No matching version/,
  );
});
