import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database, type Session } from '../../src/index.ts';
import {
  type ArtifactStore,
  concurrently,
  contentsOf,
  createRepository,
  type DeclaredContent,
  Downloader,
  declare,
  defineContentType,
  directoryStore,
  each,
  perItem,
  STAGES,
  type SyncOptions,
  sync,
} from '../../src/sync/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { rows } from '../support/sql.ts';
import { sha256, startFileServer } from './file-server.ts';

const metadata = z.strictObject({
  name: z.string(),
  text: z.string().optional(),
  depends: z.string().optional(),
});
const thing = defineContentType({ name: 'thing', metadata, key: ({ name }) => [name] });

const SQL_STAGES: ReadonlySet<string> = new Set(
  STAGES.filter((name) => !['download-artifacts', 'await-others'].includes(name)),
);

describe('stages of a sync', () => {
  let db: Database;
  let session: Session;
  let folder: string;
  let store: ArtifactStore;
  let downloader: Downloader;
  let server: Awaited<ReturnType<typeof startFileServer>>;
  let recorded: ReturnType<typeof recordTelemetry>;
  let repository: string;
  let count = 0;
  const files = new Map<string, string>();
  beforeAll(async () => {
    recorded = recordTelemetry();
    const { url } = await createTestDatabase();
    db = await connect({ url });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
    folder = await mkdtemp(join(tmpdir(), 'holdfast-stages-'));
    store = await directoryStore(folder);
    downloader = new Downloader({ backoffMs: 1, retries: 1 });
    server = await startFileServer(files);
  });
  afterAll(async () => {
    await downloader?.close();
    await server?.[Symbol.asyncDispose]();
    await db?.close();
    await recorded?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    repository = `r${++count}`;
    await createRepository(db, repository);
    server.requests.length = 0;
  });

  const run = (first: Parameters<typeof sync>[2], options: SyncOptions = {}) =>
    sync(session, repository, first, { policy: 'on demand', store, downloader, ...options });
  const held = async () => {
    const found: unknown[] = [];
    for await (const one of contentsOf(db, repository)) found.push(one.metadata);
    return found;
  };

  describe('that await what another item becomes', () => {
    test('go on at once, from the first stage, however few items there are', async () => {
      const result = await run(async function* () {
        const parent = declare(thing, { metadata: { name: `${repository}-parent` } });
        yield parent;
        const { contentId } = await parent.resolved;
        yield declare(thing, { metadata: { name: `${repository}-child`, depends: contentId } });
      });
      expect(result.counts.added).toBe(2);
    });

    test('keep an item from being saved until what it names has settled', async () => {
      const first = declare(thing, { metadata: { name: `${repository}-1` } });
      const second = declare(thing, { metadata: { name: `${repository}-2` }, after: [first.resolved] });
      const order: string[] = [];
      const note = each<DeclaredContent>('note', (item) => void order.push(item.key));
      await run([second, first], { stages: (pipeline) => pipeline.after('resolve-futures', note) });
      expect(order).toEqual([first.key, second.key]);
      const gone = Promise.reject(new Error('it will not come'));
      gone.catch(() => {});
      const third = declare(thing, { metadata: { name: `${repository}-3` }, after: [gone] });
      await expect(run([third])).rejects.toThrow('it will not come');
    });

    test('get an error for an item that was skipped, and none waits for ever', async () => {
      const broken = declare(thing, {
        metadata: { name: `${repository}-broken` },
        artifacts: [{ path: 'a', urls: [`${server.url}/nothing`] }],
      });
      let outcome: unknown;
      const result = await run(
        async function* () {
          yield broken;
          outcome = await broken.resolved.then(
            () => 'resolved',
            (error: unknown) => (error as { code: string }).code,
          );
        },
        { policy: 'immediate', onItemError: 'skip' },
      );
      expect(outcome).toBe('HOLDFAST_ITEM_SKIPPED');
      expect(result.skipped).toHaveLength(1);
    });
  });

  describe('of a program', () => {
    const incomplete = (...names: string[]) =>
      names.map((name) => declare(thing, { key: [`${repository}-${name}`] }));
    const details = (fail?: string) => {
      const asked: string[] = [];
      const stage = perItem('details', (item) => {
        const [name] = JSON.parse(item.key) as [string];
        if (item.isKnown) return;
        asked.push(name);
        if (name.endsWith(fail ?? '-none')) throw new Error(`no details of ${name}`);
        item.complete({ name, text: `details of ${name}` });
      });
      const options: SyncOptions = {
        stages: (pipeline) => pipeline.after('query-existing-artifacts', stage),
      };
      return { asked, options };
    };

    test('complete the metadata of new items alone, by a second request', async () => {
      const first = details();
      await run(incomplete('a', 'b'), first.options);
      expect(first.asked).toHaveLength(2);
      const second = details();
      const result = await run(incomplete('a', 'b', 'c'), second.options);
      expect(second.asked).toEqual([`${repository}-c`]);
      expect(result.counts).toEqual({ added: 1, removed: 0, present: 3 });
      expect(await held()).toContainEqual({ name: `${repository}-c`, text: `details of ${repository}-c` });
    });

    test('that fail in the second request leave no row with the first metadata alone', async () => {
      const failing = details('-b');
      await expect(run(incomplete('a', 'b', 'c'), failing.options)).rejects.toThrow(
        `no details of ${repository}-b`,
      );
      const rowsOf = () =>
        rows(
          db,
          "SELECT key FROM holdfast.content WHERE metadata->>'text' IS NULL AND key LIKE $1",
          `%${repository}-%`,
        );
      expect(await rowsOf()).toEqual([]);
      await run(incomplete('a', 'b', 'c'), details().options);
      expect(await rowsOf()).toEqual([]);
      expect(await held()).toHaveLength(3);
      const skipping = details('-e');
      const result = await run(incomplete('a', 'd', 'e'), {
        ...skipping.options,
        onItemError: 'skip',
        mirror: false,
      });
      expect(result.skipped).toMatchObject([{ item: `thing ["${repository}-e"]`, stage: 'details' }]);
      expect(await held()).toHaveLength(4);
    });

    test('may open files behind the download, and make of them what is saved', async () => {
      files.set(`${repository}/f`, 'the text inside');
      const item = () =>
        declare(thing, {
          key: [`${repository}-f`],
          artifacts: [
            {
              path: 'f',
              urls: [`${server.url}/${repository}/f`],
              digests: { sha256: sha256('the text inside') },
            },
          ],
        });
      const read = perItem('read', async (one) => {
        if (one.isKnown) return;
        const [name] = JSON.parse(one.key) as [string];
        one.complete({ name, text: await text(await one.artifacts[0]!.open()) });
      });
      const stages: SyncOptions['stages'] = (pipeline) => pipeline.after('download-artifacts', read);
      await expect(run([item()], { stages, openOnDemand: 'refuse' })).rejects.toMatchObject({
        code: 'HOLDFAST_ON_DEMAND',
      });
      await run([item()], { stages });
      expect(await held()).toEqual([{ name: `${repository}-f`, text: 'the text inside' }]);
      expect(server.requests).toHaveLength(1);
      expect((await run([item()], { stages })).changed).toBe(false);
      expect(server.requests).toHaveLength(1);
    });

    test('run at the same time as a download: one that waits for the other ends', async () => {
      files.set(`${repository}/slow`, 'slow');
      let arrived = () => {};
      const inStage = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const restore = server.answerBy((_request, response) => void inStage.then(() => response.end('slow')));
      const item = (name: string, path?: string) =>
        declare(thing, {
          metadata: { name: `${repository}-${name}` },
          artifacts: path === undefined ? [] : [{ path, urls: [`${server.url}/${repository}/${path}`] }],
        });
      // The download of the first item ends only when the second one has come through to the last stage but one.
      const note = concurrently<DeclaredContent>(
        'note',
        (one) => (one.key.includes('quick') ? arrived() : undefined),
        { limit: 4 },
      );
      const result = await run([item('slow', 'slow'), item('quick')], {
        policy: 'immediate',
        stages: (pipeline) => pipeline.before('associate', note),
      });
      restore();
      expect(result.counts.added).toBe(2);
    });
  });

  test('send statements by the batch, and none for an item', async () => {
    const many = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) =>
        declare(thing, {
          metadata: { name: `${repository}-${from + n}` },
          artifacts: [
            { path: 'a', urls: [`http://x/${from + n}`], digests: { sha256: sha256(`${from + n}`) } },
          ],
        }),
      );
    const counted = async (items: readonly DeclaredContent[]) => {
      let batches = 0;
      const spans = await recorded.during(async () => {
        const { profile } = await run([items]);
        batches = Math.max(
          ...profile.stages.filter(({ stage }) => SQL_STAGES.has(stage)).map((one) => one.batchesIn),
        );
      });
      const statements = spans.filter(({ attributes }) => attributes['db.query.text'] !== undefined).length;
      return { batches, statements };
    };
    // A slow machine may cut batches smaller; what counts is that a batch has so many statements, and an item none.
    const [FIXED, EACH] = [25, 12];
    for (const [from, to] of [
      [0, 500],
      [0, 3_000],
      [0, 3_000],
    ] as const) {
      const { batches, statements } = await counted(many(from, to));
      expect(batches).toBeLessThan((to - from) / 20);
      expect(statements).toBeLessThanOrEqual(FIXED + EACH * batches);
    }
  });
});
