import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database, MisuseError, type Session } from '../../src/index.ts';
import {
  ContentConflictError,
  contentsOf,
  createRepository,
  type DeclaredContent,
  declare,
  defineContentType,
  deleteVersion,
  diff,
  each,
  getRepository,
  InvalidContentError,
  listVersions,
  modify,
  protectVersion,
  RepositoryBusyError,
  RepositoryNotFoundError,
  type SyncOptions,
  sync,
  unprotectVersion,
  VersionKeptError,
} from '../../src/sync/index.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const metadata = z.strictObject({ path: z.string(), note: z.string().optional() });
const file = defineContentType({ name: 'file', metadata, key: ({ path }) => [path] });
const replaceable = defineContentType({
  name: 'replaceable',
  metadata,
  key: ({ path }) => [path],
  onChange: 'replace',
});

const items = (paths: readonly string[], note?: string, type = file) =>
  paths.map((path) =>
    declare(type, {
      metadata: { path, ...(note === undefined ? {} : { note }) },
      artifacts: [{ path, urls: [`https://example.com/${path}`], size: path.length }],
    }),
  );

async function* streamOf<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}

describe.each(SUITE_DRIVERS)('a sync on %s', (driver) => {
  let db: Database;
  let session: Session;
  let other: Session;
  let repository: string;
  let count = 0;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
    other = await db.startSession({ component: 'two', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());
  beforeEach(async () => {
    repository = `r${++count}`;
    await createRepository(db, repository);
  });

  const run = (all: readonly DeclaredContent[], options: SyncOptions = {}) =>
    sync(session, repository, streamOf(all), { policy: 'on demand', ...options });
  const paths = async (number?: number, of = repository) => {
    const found: string[] = [];
    for await (const { key } of contentsOf(db, of, number)) found.push(String(key[0]));
    return found.sort();
  };
  const writes = async () =>
    (
      await rows(
        db,
        `SELECT (SELECT count(*) FROM holdfast.repository_content) || ' ' || (SELECT count(*) FROM holdfast.content) || ' ' ||
          (SELECT count(*) FROM holdfast.remote_artifact) || ' ' || (SELECT count(*) FROM holdfast.repository_version) AS n`,
      )
    )[0]![0];

  test('that mirrors gives exactly what is declared, and one that does not at least that', async () => {
    const first = await run(items(['a', 'b', 'c']));
    expect(first).toMatchObject({ version: 1, changed: true, counts: { added: 3, removed: 0, present: 3 } });
    const second = await run(items(['b', 'c', 'd']));
    expect(second).toMatchObject({ version: 2, counts: { added: 1, removed: 1, present: 3 } });
    const third = await run(items(['e']), { mirror: false });
    expect(third).toMatchObject({ version: 3, counts: { added: 1, removed: 0, present: 4 } });
    expect(await paths(1)).toEqual(['a', 'b', 'c']);
    expect(await paths(2)).toEqual(['b', 'c', 'd']);
    expect(await paths()).toEqual(['b', 'c', 'd', 'e']);
    expect((await run(items([]))).counts).toEqual({ added: 0, removed: 4, present: 0 });
  });

  test('without a change makes no version, and writes nothing', async () => {
    await run(items(['a', 'b']));
    const before = await writes();
    const again = await run(items(['b', 'a']));
    expect(again).toMatchObject({ version: 1, changed: false, counts: { added: 0, removed: 0, present: 2 } });
    expect(await writes()).toBe(before);
  });

  test('of a stage that fails shows nothing, and the error is its own', async () => {
    await run(items(['a']));
    const failure = new Error('the stage failed');
    async function* broken() {
      yield items(Array.from({ length: 1_200 }, (_, n) => `x${n}`));
      throw failure;
    }
    await expect(sync(session, repository, broken(), { policy: 'on demand' })).rejects.toBe(failure);
    expect(await paths()).toEqual(['a']);
    expect(await listVersions(db, repository)).toHaveLength(1);
    expect((await run(items(['a', 'x1']))).counts).toEqual({ added: 1, removed: 0, present: 2 });
  });

  test('that is canceled rejects with the reason, and the next one goes on', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const stop = each<DeclaredContent>('stop', () => abort.abort(reason));
    const canceled = run(items(['a']), {
      signal: abort.signal,
      stages: (pipeline) => pipeline.after('save-content', stop),
    });
    await expect(canceled).rejects.toBe(reason);
    expect((await getRepository(db, repository)).version).toBe(0);
    expect((await run(items(['a']))).version).toBe(1);
  });

  test('of a repository that another one changes is refused, naming the session', async () => {
    let inner: unknown;
    await sync(
      session,
      repository,
      async function* () {
        inner = await sync(other, repository, streamOf([])).catch((error: unknown) => error);
        yield items(['a']);
      },
      { policy: 'on demand' },
    );
    expect(inner).toBeInstanceOf(RepositoryBusyError);
    expect((inner as RepositoryBusyError).sessionId).toBe(session.id);
  });

  test('of a repository that is not there is refused', async () => {
    await expect(sync(session, 'nothing', streamOf([]))).rejects.toThrow(RepositoryNotFoundError);
    await expect(createRepository(db, repository)).rejects.toThrow(MisuseError);
  });

  test('discards what a dead worker has left open', async () => {
    await run(items(['a', 'b']));
    const dying = await db.startSession({ component: 'dying', intervalMs: 600_000 });
    const killed = sync(
      dying,
      repository,
      async function* () {
        yield items(Array.from({ length: 700 }, (_, n) => `y${n}`));
        await rows(db, `DELETE FROM holdfast.session WHERE session_id = '${dying.id}'`);
        await rows(db, `DELETE FROM holdfast.session_deadline WHERE session_id = '${dying.id}'`);
        yield items(['z']);
      },
      { policy: 'on demand' },
    );
    await expect(killed).rejects.toMatchObject({ code: 'HOLDFAST_SESSION_EXPIRED' });
    expect(await paths()).toEqual(['a', 'b']);
    const next = await run(items(['b', 'y1']));
    expect(next).toMatchObject({ version: 2, counts: { added: 1, removed: 1, present: 2 } });
    expect(await paths(1)).toEqual(['a', 'b']);
    const left = await rows(db, 'SELECT 1 FROM holdfast.repository_version WHERE NOT complete');
    expect(left).toEqual([]);
  });

  describe('of content that changed upstream', () => {
    test('is an error that names both, where the type keeps content as it is', async () => {
      await run(items(['same', 'k1'], 'old'));
      const failed = await run(items(['same', 'k1'], 'new')).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(ContentConflictError);
      expect((failed as Error).message).toMatch(/file \["(same|k1)"\] .*note is "old" and "new"/);
      expect((await getRepository(db, repository)).version).toBe(1);
    });

    test('replaces it in this version only, where the type says so', async () => {
      await run(items(['p', 'q'], 'old', replaceable));
      const second = await run([...items(['p'], 'old', replaceable), ...items(['q'], 'new', replaceable)]);
      expect(second).toMatchObject({ version: 2, counts: { added: 1, removed: 1, present: 2 } });
      const notes = async (number: number) => {
        const found: unknown[] = [];
        for await (const one of contentsOf(db, repository, number)) found.push(one.metadata);
        return found;
      };
      expect(await notes(1)).toContainEqual({ path: 'q', note: 'old' });
      expect(await notes(2)).toContainEqual({ path: 'q', note: 'new' });
      const differences: unknown[] = [];
      for await (const one of diff(db, repository, 1, 2)) differences.push(one);
      expect(differences).toEqual([{ change: 'replaced', type: 'replaceable', key: ['q'] }]);
      expect((await run(items(['p', 'q'], 'old', replaceable))).counts).toEqual({
        added: 1,
        removed: 1,
        present: 2,
      });
    });
  });

  test('refuses the same natural key twice with different metadata, in one batch and in two', async () => {
    const twice = [...items(['t1'], 'one', replaceable), ...items(['t1'], 'two', replaceable)];
    await expect(run(twice)).rejects.toThrow(/replaceable \["t1"\] is declared twice.*note is/);
    const many = items(
      Array.from({ length: 2_500 }, (_, n) => `m${n}`),
      'one',
      replaceable,
    );
    await expect(run([...many, ...items(['m3'], 'two', replaceable)])).rejects.toThrow(/declared twice/);
    const same = await run([...many, ...items(['m3', 'm3'], 'one', replaceable)]);
    expect(same.counts.present).toBe(2_500);
  });

  test.each([
    ['../up', 'leaves the repository'],
    ['/etc/passwd', 'is not relative'],
    ['a/../../b', 'leaves the repository'],
    ['a\0b', 'control character'],
    ['', 'is empty'],
  ])('refuses a path that leaves the repository: %j', (path, message) => {
    const make = () =>
      declare(file, { metadata: { path: 'x' }, artifacts: [{ path, urls: ['http://x/y'] }] });
    expect(make).toThrow(InvalidContentError);
    expect(make).toThrow(message);
  });

  test('refuses metadata that does not fit, by path', () => {
    expect(() => declare(file, { metadata: { path: 5 } as never })).toThrow(/file: metadata\.path: .*string/);
  });

  test('names each version of what it added, removed and holds, until one is deleted', async () => {
    await run(items(['a', 'b']));
    await run(items(['b', 'c']));
    await run(items(['c', 'd']));
    await run(items(['a', 'd']));
    const counts = async () =>
      (await listVersions(db, repository)).map(({ number, added, removed, present }) => [
        number,
        added,
        removed,
        present,
      ]);
    expect(await counts()).toEqual([
      [4, 1, 1, 2],
      [3, 1, 1, 2],
      [2, 1, 1, 2],
      [1, 2, 0, 2],
    ]);
    await protectVersion(db, repository, 2, 'release 1.0');
    await expect(deleteVersion(session, repository, 2)).rejects.toThrow(/protected: release 1\.0/);
    await expect(deleteVersion(session, repository, 4)).rejects.toThrow(VersionKeptError);
    await unprotectVersion(db, repository, 2);
    await deleteVersion(session, repository, 2);
    await deleteVersion(session, repository, 3);
    expect(await counts()).toEqual([
      [4, 1, 1, 2],
      [1, 2, 0, 2],
    ]);
    expect(await paths(1)).toEqual(['a', 'b']);
    expect(await paths(4)).toEqual(['a', 'd']);
    await expect(paths(2)).rejects.toThrow(RepositoryNotFoundError);
    const kept = await rows(
      db,
      `SELECT 1 FROM holdfast.repository_content AS c JOIN holdfast.repository AS r USING (repository_id) WHERE r.name = '${repository}'`,
    );
    // a and d twice (added anew), b; not c, which no version shows.
    expect(kept).toHaveLength(4);
  });

  test('keeps the newest versions as the repository says, and protected ones', async () => {
    const limited = `${repository}-limited`;
    await createRepository(db, limited, { retain: 2 });
    const numbers = async () => (await listVersions(db, limited)).map(({ number }) => number);
    const next = (names: readonly string[]) =>
      sync(session, limited, streamOf(items(names)), { policy: 'on demand' });
    await next(['a']);
    await protectVersion(db, limited, 1, 'first');
    for (const name of ['b', 'c', 'd']) await next([name]);
    expect(await numbers()).toEqual([4, 3, 1]);
    expect(await paths(3, limited)).toEqual(['c']);
  });

  describe('modify', () => {
    test('adds and removes by name; the reverse of a change in the same version cancels it', async () => {
      await run(items(['a', 'b', 'c']));
      const changed = await modify(
        session,
        repository,
        {
          add: items(['d', 'a']),
          remove: [
            { type: file, key: ['a'] },
            { type: 'file', key: ['b'] },
            { type: 'file', key: ['no'] },
          ],
        },
        { policy: 'on demand' },
      );
      expect(changed).toMatchObject({ version: 2, counts: { added: 1, removed: 1, present: 3 } });
      expect(await paths()).toEqual(['a', 'c', 'd']);
      const nothing = await modify(session, repository, { remove: [{ type: file, key: ['b'] }] });
      expect(nothing).toMatchObject({ version: 2, changed: false });
    });

    test('takes content of another repository, and refuses what is not there', async () => {
      await run(items(['a', 'b']));
      const copy = `${repository}-copy`;
      await createRepository(db, copy);
      const result = await modify(session, copy, { add: contentsOf(db, repository) });
      expect(result.counts).toEqual({ added: 2, removed: 0, present: 2 });
      const missing = { contentId: '00000000-0000-8000-8000-000000000001' };
      await expect(modify(session, copy, { add: [missing] })).rejects.toThrow(/there is no content 0000/);
    });
  });
});
