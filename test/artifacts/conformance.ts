import { randomBytes } from 'node:crypto';
import { stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ArtifactMissingError, type ArtifactStore } from '../../src/artifacts/index.ts';
import { MisuseError } from '../../src/base/index.ts';
import { allOf, bytesOf, digestOf, localFile, put } from './support/files.ts';

const BODY = Buffer.from('0123456789');
const ABSENT = digestOf('absent');

/** What each store promises. `fresh` gives an empty one; the caller disposes of it. */
export function storeConformance(fresh: () => Promise<ArtifactStore>): void {
  test('what was put is there, byte by byte, with its size', async () => {
    const store = await fresh();
    for (const body of [BODY, Buffer.alloc(0), randomBytes(3 * 2 ** 20)]) {
      const sha256 = await put(store, body);
      expect(await store.has(sha256)).toBe(true);
      expect(await store.size(sha256)).toBe(body.length);
      expect(digestOf(await bytesOf(await store.read(sha256)))).toBe(sha256);
    }
  });

  test('put takes the file over', async () => {
    const store = await fresh();
    const file = await localFile(store, BODY);
    await store.put(digestOf(BODY), file);
    await expect(stat(file.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('putting the same twice, or ten at once, is putting it once', async () => {
    const store = await fresh();
    await Promise.all(Array.from({ length: 10 }, () => put(store, BODY)));
    await put(store, BODY);
    const listed = await allOf(store.list());
    expect(listed.map(({ sha256 }) => sha256)).toEqual([digestOf(BODY)]);
    expect(await bytesOf(await store.read(digestOf(BODY)))).toEqual(BODY);
  });

  test('a file that is not as long as was said is refused, and nothing is there', async () => {
    const store = await fresh();
    const { path } = await localFile(store, BODY);
    await expect(store.put(digestOf(BODY), { path, size: 11 })).rejects.toMatchObject({
      code: 'HOLDFAST_ARTIFACT_STORE',
      reason: 'refused',
    });
    expect(await store.has(digestOf(BODY))).toBe(false);
  });

  test('an aborted put rejects with the reason and leaves nothing', async () => {
    const store = await fresh();
    const reason = new Error('stop');
    const file = await localFile(store, BODY);
    await expect(store.put(digestOf(BODY), file, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(await store.has(digestOf(BODY))).toBe(false);
  });

  test('a range gives its bytes, one behind the end none', async () => {
    const store = await fresh();
    const sha256 = await put(store, BODY);
    const range = async (start: number, end: number) =>
      String(await bytesOf(await store.read(sha256, { start, end })));
    expect(await range(0, 1)).toBe('0');
    expect(await range(2, 5)).toBe('234');
    expect(await range(0, 10)).toBe('0123456789');
    expect(await range(8, 99)).toBe('89');
    expect(await range(3, 3)).toBe('');
    expect(await range(10, 11)).toBe('');
    const empty = await put(store, '');
    expect(await bytesOf(await store.read(empty, { start: 0, end: 5 }))).toHaveLength(0);
  });

  test.each([
    [-1, 5],
    [5, 4],
    [0.5, 4],
    [0, Number.NaN],
  ])('a range from %d to %d is refused', async (start, end) => {
    const store = await fresh();
    const sha256 = await put(store, BODY);
    await expect(store.read(sha256, { start, end })).rejects.toThrow(MisuseError);
  });

  test('what is not there has no size, and reading it is ArtifactMissingError', async () => {
    const store = await fresh();
    expect(await store.has(ABSENT)).toBe(false);
    expect(await store.size(ABSENT)).toBeUndefined();
    await expect(store.read(ABSENT)).rejects.toThrow(ArtifactMissingError);
    await expect(store.read(ABSENT, { start: 1, end: 2 })).rejects.toThrow(ArtifactMissingError);
    await expect(store.read(ABSENT, { start: 1, end: 1 })).rejects.toMatchObject({ sha256: ABSENT });
  });

  test('delete takes it away; deleting what is not there is fine', async () => {
    const store = await fresh();
    const sha256 = await put(store, BODY);
    await store.delete(sha256);
    await store.delete(sha256);
    expect(await store.has(sha256)).toBe(false);
    await put(store, BODY);
    expect(await store.has(sha256)).toBe(true);
  });

  test('list gives every artifact in the order of their digests, with size and time', async () => {
    const store = await fresh();
    expect(await allOf(store.list())).toEqual([]);
    const bodies = Array.from({ length: 25 }, (_, i) => `body ${i}`);
    for (const body of bodies) await put(store, body);
    const listed = await allOf(store.list());
    const expected = bodies.map((body) => ({ sha256: digestOf(body), size: body.length }));
    expect(listed.map(({ sha256, size }) => ({ sha256, size }))).toEqual(
      expected.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1)),
    );
    for (const { modifiedAt } of listed) expect(modifiedAt.getTime()).toBeGreaterThan(0);
  });

  describe('a name that is no SHA-256 leaves the store nowhere', () => {
    test.each([
      '',
      '../../etc/passwd',
      `../${digestOf('x').slice(3)}`,
      digestOf('x').toUpperCase(),
      digestOf('x').slice(1),
      `${digestOf('x')}0`,
      `${digestOf('x').slice(2)}/a`,
      `${digestOf('x').slice(1)}\0`,
      `${digestOf('x')}\n`,
    ])('%j', async (name) => {
      const store = await fresh();
      const file = await localFile(store, BODY);
      await expect(store.put(name, file)).rejects.toThrow(MisuseError);
      await expect(store.has(name)).rejects.toThrow(MisuseError);
      await expect(store.size(name)).rejects.toThrow(MisuseError);
      await expect(store.read(name)).rejects.toThrow(MisuseError);
      await expect(store.delete(name)).rejects.toThrow(MisuseError);
      expect((await stat(file.path)).size).toBe(BODY.length);
    });
  });

  test('the sweep deletes old partial files of downloads, and nothing else', async () => {
    const store = await fresh();
    const name = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000.part`;
    const old = join(store.downloads, name('a'));
    const young = join(store.downloads, name('b'));
    const foreign = join(store.downloads, 'notes.txt');
    for (const path of [old, young, foreign]) await writeFile(path, 'x');
    const hourAgo = new Date(Date.now() - 3_600_000);
    for (const path of [old, foreign]) await utimes(path, hourAgo, hourAgo);
    expect(await store.sweepDownloads(600_000)).toBe(1);
    await expect(stat(old)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await stat(young)).isFile() && (await stat(foreign)).isFile()).toBe(true);
  });
}
