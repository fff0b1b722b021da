import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database, type Session } from '../../src/index.ts';
import {
  type ArtifactStore,
  collectGarbage,
  contentsOf,
  createRepository,
  Downloader,
  declare,
  defineContentType,
  deleteRepository,
  directoryStore,
  each,
  filesOf,
  getRepository,
  OnDemand,
  STAGES,
  type SyncOptions,
  sync,
  TooManySkippedError,
  verifyArtifacts,
} from '../../src/sync/index.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { sha256, startFileServer } from './file-server.ts';

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string() }),
  key: ({ path }) => [path],
});

async function all<T>(some: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of some) found.push(one);
  return found;
}

describe.each(SUITE_DRIVERS)('artifacts of a sync on %s', (driver) => {
  let db: Database;
  let session: Session;
  let folder: string;
  let store: ArtifactStore;
  let downloader: Downloader;
  let repository: string;
  let server: Awaited<ReturnType<typeof startFileServer>>;
  let count = 0;
  const files = new Map<string, string>();
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
    folder = await mkdtemp(join(tmpdir(), 'holdfast-artifacts-'));
    store = await directoryStore(folder);
    downloader = new Downloader({ backoffMs: 1, retries: 2 });
    server = await startFileServer(files);
  });
  afterAll(async () => {
    await downloader?.close();
    await server?.[Symbol.asyncDispose]();
    await db?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    repository = `r${++count}`;
    await createRepository(db, repository);
    server.requests.length = 0;
  });

  /** Files of this test alone, and their declarations. */
  const serve = (...names: string[]) => {
    for (const name of names) files.set(`${repository}/${name}`, `bytes of ${repository}/${name}`);
    return names.map((name) => item(name));
  };
  const item = (name: string, digest?: string, path = name) => {
    const body = files.get(`${repository}/${name}`)!;
    return declare(file, {
      metadata: { path: `${repository}/${path}` },
      artifacts: [
        {
          path,
          urls: [`${server.url}/${repository}/${name}`],
          digests: { sha256: digest ?? sha256(body) },
          size: body.length,
        },
      ],
    });
  };
  const run = (all: Iterable<ReturnType<typeof item>>, options: SyncOptions = {}, on = repository) =>
    sync(session, on, [...all], { store, downloader, ...options });
  const storedFiles = async (on = repository) => {
    const ids: string[] = [];
    for await (const { contentId } of contentsOf(db, on)) ids.push(contentId);
    return [...(await filesOf(db, ids)).values()].flat();
  };

  test('are downloaded, verified and stored once; syncing again downloads nothing', async () => {
    const result = await run(serve('a', 'b', 'c'));
    expect(result.steps).toContainEqual(expect.objectContaining({ code: 'artifacts-downloaded', done: 3 }));
    expect(server.requests.sort()).toEqual(['a', 'b', 'c'].map((name) => `${repository}/${name}`));
    for (const { sha256: digest } of await storedFiles()) expect(await store.has(digest!)).toBe(true);
    server.requests.length = 0;
    expect((await run(serve('a', 'b', 'c'))).changed).toBe(false);
    expect(server.requests).toEqual([]);
  });

  test('that another repository has are not downloaded again', async () => {
    await run(serve('a', 'b'));
    const second = `${repository}-second`;
    await createRepository(db, second);
    server.requests.length = 0;
    const result = await run(serve('a', 'b', 'c'), {}, second);
    expect(result.counts.added).toBe(3);
    expect(server.requests).toEqual([`${repository}/c`]);
  });

  test('with another digest fail the sync with both digests, the URL and the natural key, and nothing is kept', async () => {
    serve('good', 'bad');
    const wrong = sha256('other bytes');
    const failure = await run([item('good'), item('bad', wrong)]).catch((error: unknown) => error);
    const { message } = failure as Error;
    expect(failure).toMatchObject({ code: 'HOLDFAST_DIGEST_MISMATCH' });
    expect(message).toContain(wrong);
    expect(message).toContain(sha256(files.get(`${repository}/bad`)!));
    expect(message).toContain(`${server.url}/${repository}/bad`);
    expect(message).toContain(`file ["${repository}/bad"]`);
    expect((await getRepository(db, repository)).version).toBe(0);
    expect((await readdir(store.downloads)).filter((name) => name.includes(wrong))).toEqual([]);
  });

  describe('of items that fail', () => {
    test('are left out and reported where items may be skipped; what the repository holds under their key stays', async () => {
      serve('a', 'b', 'c');
      await run([item('a'), item('b')]);
      const broken = declare(file, {
        metadata: { path: `${repository}/b` },
        artifacts: [
          { path: 'other', urls: [`${server.url}/nothing`], digests: { sha256: sha256('nothing') } },
        ],
      });
      const options: SyncOptions = { onItemError: 'skip' };
      const result = await run([item('c'), broken], options);
      expect(result.counts).toEqual({ added: 1, removed: 1, present: 2 });
      expect(result.skipped).toMatchObject([
        { item: `file ["${repository}/b"]`, stage: 'download-artifacts' },
      ]);
      const states = await rows(db, "SELECT state FROM holdfast.repository_run WHERE state = 'partial'");
      expect(states).toHaveLength(1);
    });

    test('fail the sync when they are more than may be skipped', async () => {
      const broken = ['x', 'y', 'z'].map((path) =>
        declare(file, {
          metadata: { path: `${repository}/${path}` },
          artifacts: [{ path, urls: [`${server.url}/nothing`] }],
        }),
      );
      await expect(run(broken, { onItemError: 'skip', skipLimit: 2 })).rejects.toThrow(TooManySkippedError);
      expect((await getRepository(db, repository)).version).toBe(0);
    });
  });

  test('are found again after a crash behind any stage: nothing that was stored is downloaded again', async () => {
    for (const name of STAGES) {
      const crashed = `${repository}-${name}`;
      await createRepository(db, crashed);
      const names = Array.from({ length: 5 }, (_, n) => `${name}-${n}`);
      const crash = new Error(`behind ${name}`);
      const stop = each<ReturnType<typeof item>>('stop', () => {
        throw crash;
      });
      const stages: SyncOptions['stages'] = (pipeline) => pipeline.after(name, stop as never);
      await expect(run(serve(...names), { stages }, crashed)).rejects.toBe(crash);
      expect(await rows(db, 'SELECT 1 FROM holdfast.repository_version WHERE NOT complete')).toEqual([]);
      // No content lacks its files or where its remote has them.
      const torn = await rows(
        db,
        `SELECT key FROM holdfast.content AS c
        WHERE key LIKE $1 AND (NOT EXISTS (SELECT 1 FROM holdfast.content_artifact AS f WHERE f.content_id = c.content_id)
          OR NOT EXISTS (SELECT 1 FROM holdfast.remote_artifact AS r WHERE r.content_id = c.content_id))`,
        `%${name}-%`,
      );
      expect(torn).toEqual([]);
      const stored = new Set<string>();
      for await (const { sha256: digest } of store.list()) stored.add(digest);
      server.requests.length = 0;
      const result = await run(serve(...names), {}, crashed);
      expect(result.counts).toEqual({ added: 5, removed: 0, present: 5 });
      const missing = names.filter((one) => !stored.has(sha256(files.get(`${repository}/${one}`)!)));
      expect(server.requests.sort()).toEqual(missing.map((one) => `${repository}/${one}`));
    }
  });

  describe('on demand', () => {
    test('are fetched once for all who ask at the same time, and kept', async () => {
      await run(serve('a'), { policy: 'on demand' });
      expect(server.requests).toEqual([]);
      const [content] = await all(contentsOf(db, repository));
      expect(await storedFiles()).toEqual([{ path: 'a', sha256: undefined, size: undefined }]);
      const onDemand = new OnDemand(db, store, downloader);
      const digests = await Promise.all(
        Array.from({ length: 50 }, () => onDemand.fetch(content!.contentId, 'a')),
      );
      expect(new Set(digests)).toEqual(new Set([sha256(files.get(`${repository}/a`)!)]));
      expect(server.requests).toHaveLength(1);
      expect(await storedFiles()).toMatchObject([{ path: 'a', sha256: digests[0] }]);
    });

    test('are fetched by the next sync that wants them', async () => {
      await run(serve('a', 'b'), { policy: 'on demand' });
      const result = await run(serve('a', 'b'));
      expect(result.changed).toBe(false);
      expect(server.requests).toHaveLength(2);
      expect((await storedFiles()).every(({ sha256: digest }) => digest !== undefined)).toBe(true);
      server.requests.length = 0;
      await run(serve('a', 'b'));
      expect(server.requests).toEqual([]);
    });
  });

  test('have the URLs that the remote declares last, also when no version results', async () => {
    const [a, b] = serve('a', 'b');
    await run([a!, b!], { policy: 'on demand' });
    const urls = async () =>
      (
        await rows(
          db,
          `SELECT r.path, r.urls FROM holdfast.remote_artifact AS r JOIN holdfast.remote AS m USING (remote_id)
          JOIN holdfast.repository AS p USING (repository_id) WHERE p.name = $1 ORDER BY path`,
          repository,
        )
      ).map(([path, text]) => [path, ...JSON.parse(text!)]);
    files.set(`${repository}/moved`, files.get(`${repository}/a`)!);
    const result = await run([item('moved', undefined, 'a')], { policy: 'on demand', mirror: false });
    expect(result.changed).toBe(false);
    expect(await urls()).toEqual([['a', `${server.url}/${repository}/moved`]]);
    const second = `${repository}-second`;
    await createRepository(db, second);
    await run(serve('a'), { policy: 'on demand' }, second);
    const remotes = await rows(
      db,
      `SELECT p.name FROM holdfast.remote_artifact JOIN holdfast.remote USING (remote_id)
      JOIN holdfast.repository AS p USING (repository_id) WHERE p.name LIKE $1 ORDER BY 1`,
      `${repository}%`,
    );
    expect(remotes).toEqual([[repository], [second]]);
  });

  test('are still known where they can be had when a sync that declares them no more ends before its version is complete', async () => {
    await run(serve('a', 'b'), { policy: 'on demand' });
    const crash = new Error('before the end');
    const failed = run(serve('a'), {
      policy: 'on demand',
      onProgress: ({ code, state }) => {
        if (code === 'removed' && state === 'completed') throw crash;
      },
    });
    await expect(failed).rejects.toBe(crash);
    const found = await rows(
      db,
      `SELECT r.path FROM holdfast.remote_artifact AS r JOIN holdfast.remote AS m USING (remote_id)
      JOIN holdfast.repository AS p USING (repository_id) WHERE p.name = $1 ORDER BY path`,
      repository,
    );
    expect(found).toEqual([['a'], ['b']]);
    await run(serve('a'), { policy: 'on demand' });
    const left = await rows(
      db,
      `SELECT r.path FROM holdfast.remote_artifact AS r JOIN holdfast.remote AS m USING (remote_id)
      JOIN holdfast.repository AS p USING (repository_id) WHERE p.name = $1`,
      repository,
    );
    expect(left).toEqual([['a']]);
  });

  test('of a complete version stay with it when tidying up behind it fails, and the next sync does the rest', async () => {
    const on = { policy: 'on demand', mirror: false } as const;
    await run(serve('a', 'b'), on);
    const known = async () =>
      (
        await rows(
          db,
          `SELECT r.path FROM holdfast.remote_artifact AS r JOIN holdfast.remote AS m USING (remote_id)
          JOIN holdfast.repository AS p USING (repository_id) WHERE p.name = $1 ORDER BY path`,
          repository,
        )
      ).flat();
    await rows(
      db,
      'ALTER TABLE holdfast.repository_content ADD CONSTRAINT no_forgetting CHECK (declared IS NOT NULL) NOT VALID',
    );
    const warnings: string[] = [];
    const listen = ({ message }: Error) => warnings.push(message);
    process.on('warning', listen);
    try {
      expect(await run(serve('a', 'c'), on)).toMatchObject({ changed: true, version: 2 });
      expect(await known()).toEqual(['a', 'b', 'c']);
    } finally {
      await rows(db, 'ALTER TABLE holdfast.repository_content DROP CONSTRAINT no_forgetting');
      process.off('warning', listen);
    }
    expect(warnings.join()).toContain('tidying up behind a sync failed');
    expect((await run(serve('a', 'c'), on)).changed).toBe(false);
    expect(await known()).toEqual(['a', 'c']);
  });

  describe('that nobody needs', () => {
    /** Three hours ago syncs began that are under way, two hours ago everything was used last. */
    const age = () =>
      rows(
        db,
        `WITH c AS (UPDATE holdfast.content SET used_at = now() - INTERVAL '2 h' RETURNING 1),
          r AS (UPDATE holdfast.repository_run SET started_at = now() - INTERVAL '3 h' WHERE state = 'running' RETURNING 1)
        UPDATE holdfast.artifact SET used_at = now() - INTERVAL '2 h'`,
      );

    test('are deleted with their content, after the time of grace; those in use are not', async () => {
      await run(serve('kept', 'gone'));
      await run(serve('kept'));
      await age();
      // The version before still has it.
      expect(await collectGarbage(db, { store })).toMatchObject({ contents: 0, artifacts: 0 });
      const other = `${repository}-other`;
      await createRepository(db, other);
      await run(serve('kept'), {}, other);
      await deleteRepository(session, repository);
      const goneDigest = sha256(files.get(`${repository}/gone`)!);
      expect(await store.has(goneDigest)).toBe(true);
      const collected = await collectGarbage(db, { store });
      expect(collected.contents).toBeGreaterThan(0);
      expect(await store.has(goneDigest)).toBe(false);
      expect(await store.has(sha256(files.get(`${repository}/kept`)!))).toBe(true);
      expect((await run(serve('kept'), {}, other)).changed).toBe(false);
    });

    test('are not deleted while a sync is under way that has found them', async () => {
      await run(serve('a'));
      await deleteRepository(session, repository);
      await createRepository(db, repository);
      await age();
      let collected: unknown;
      const collect = each<ReturnType<typeof item>>('collect', async () => {
        await age();
        collected = await collectGarbage(db, { store });
      });
      server.requests.length = 0;
      await run(serve('a'), {
        stages: (pipeline) => pipeline.after('query-existing-content', collect as never),
      });
      expect(collected).toMatchObject({ contents: 0, artifacts: 0 });
      expect(server.requests).toEqual([]);
      expect(await store.has(sha256(files.get(`${repository}/a`)!))).toBe(true);
    });

    test('are stored anew when a sync wants them after they were doomed', async () => {
      await run(serve('a'));
      const digest = sha256(files.get(`${repository}/a`)!);
      await deleteRepository(session, repository);
      await createRepository(db, repository);
      await age();
      await collectGarbage(db, { store });
      expect(await store.has(digest)).toBe(false);
      server.requests.length = 0;
      await run(serve('a'));
      expect(server.requests).toHaveLength(1);
      expect(await store.has(digest)).toBe(true);
    });
  });

  test('that are damaged or missing are found and downloaded anew by verify', async () => {
    await run(serve('whole', 'damaged', 'missing', 'short'));
    const digestOf = (name: string) => sha256(files.get(`${repository}/${name}`)!);
    const pathOf = async (name: string) => {
      const digest = digestOf(name);
      const names = await readdir(folder, { recursive: true });
      return join(folder, names.find((path) => path.endsWith(digest))!);
    };
    await writeFile(await pathOf('damaged'), files.get(`${repository}/damaged`)!.replace('bytes', 'BYTES'));
    await writeFile(await pathOf('short'), 'short');
    await store.delete(digestOf('missing'));
    const found = await all(verifyArtifacts(db, { store, downloader }));
    const byName = Object.fromEntries(
      found.map(({ sha256: digest, fault, isRepaired }) => [digest, { fault, isRepaired }]),
    );
    expect(byName).toEqual({
      [digestOf('damaged')]: { fault: 'digest', isRepaired: true },
      [digestOf('short')]: { fault: 'size', isRepaired: true },
      [digestOf('missing')]: { fault: 'missing', isRepaired: true },
    });
    expect(await all(verifyArtifacts(db, { store, downloader }))).toEqual([]);
    const missing = digestOf('missing');
    files.delete(`${repository}/missing`);
    await store.delete(missing);
    expect(await all(verifyArtifacts(db, { store, downloader }))).toMatchObject([
      { sha256: missing, isRepaired: false, error: { code: 'HOLDFAST_DOWNLOAD' } },
    ]);
  });
});
