import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { filePlugin } from '../../src/plugins/index.ts';
import { createRepository, type SyncResult, syncRepository, updateRepository } from '../../src/sync/index.ts';
import { redirect, status, whole } from '../artifacts/support/server.ts';
import { rows } from '../support/sql.ts';
import { cut, filesAsked, publishFiles, sha256Of } from '../support/upstreams.ts';
import { Bench, failureOf } from './support.ts';

const bench = Bench.use();
const some = (paths: readonly string[], note = '') =>
  Object.fromEntries(paths.map((path) => [path, `${path}: ${note}`]));

let count = 0;
let folder: string;
let url: string;
const publish = (files: Readonly<Record<string, string>>) => {
  url = publishFiles(bench.server, folder, files);
};
const manifest = (body: string | Buffer) => bench.server.script(`/${folder}/PULP_MANIFEST`, whole(body));
const fresh = async (settings: object = {}) => {
  folder = `tree${++count}`;
  url = `${bench.server.origin}/${folder}/`;
  return bench.repository('file', { url, ...settings });
};

describe('a tree of files', () => {
  let repository: string;
  beforeAll(async () => {
    repository = await fresh();
  });

  test('is mirrored with its bytes, whatever its names are', async () => {
    publish(some(['a.txt', 'deep/er/b.txt', 'c,d, e.txt', 'ü %20?#.txt', 'x:y']));
    const result = await bench.sync(repository);
    expect(result).toMatchObject({ version: 1, counts: { added: 5, removed: 0, present: 5 } });
    const view = await bench.view(repository);
    const [found] = await view.named('file', 'c,d, e.txt');
    const [stored] = (await view.files([found!.contentId])).get(found!.contentId)!;
    expect(stored!.sha256).toBe(sha256Of('c,d, e.txt: '));
    expect(await text(await bench.store.read(stored!.sha256!))).toBe('c,d, e.txt: ');
  });

  test('that has not changed is not downloaded again', async () => {
    const before = filesAsked(bench.server, folder);
    expect(await bench.sync(repository)).toMatchObject({ version: 1, changed: false });
    expect(filesAsked(bench.server, folder)).toBe(before);
  });

  test('that has changed: what is new is fetched, what is gone is removed, a changed file replaces the old one', async () => {
    publish({ ...some(['deep/er/b.txt', 'new.txt']), 'a.txt': 'changed' });
    const before = filesAsked(bench.server, folder);
    const result = await bench.sync(repository);
    expect(result).toMatchObject({ version: 2, counts: { added: 2, removed: 4, present: 3 } });
    expect(filesAsked(bench.server, folder)).toBe(before + 2);
    expect(await bench.keys(repository)).toEqual(['file a.txt', 'file deep/er/b.txt', 'file new.txt']);
    expect(await bench.keys(repository, 1)).toHaveLength(5);
  });

  test('is served as it was: the manifest, and each file by its name', async () => {
    const view = await bench.view(repository);
    const ask = (path: string) => filePlugin.serve!({ path, base: 'http://served' }, view);
    expect(await ask('PULP_MANIFEST')).toEqual({
      kind: 'document',
      contentType: 'text/plain',
      body: ['a.txt', 'deep/er/b.txt', 'new.txt']
        .map((path) => {
          const body = path === 'a.txt' ? 'changed' : `${path}: `;
          return `${path},${sha256Of(body)},${body.length}\n`;
        })
        .join(''),
    });
    const [b] = await view.named('file', 'deep/er/b.txt');
    expect(await ask('deep/er/b.txt')).toEqual({
      kind: 'file',
      contentId: b!.contentId,
      path: 'deep/er/b.txt',
    });
    expect(await ask('x:y')).toBeUndefined();
    expect(await ask('')).toBeUndefined();
  });
});

test('the settings say whether what is gone upstream stays, and when bytes are fetched', async () => {
  const repository = await fresh({ mirror: false, policy: 'on demand' });
  publish(some(['a', 'b']));
  await bench.sync(repository);
  publish(some(['c']));
  expect((await bench.sync(repository)).counts).toEqual({ added: 1, removed: 0, present: 3 });
  expect(filesAsked(bench.server, folder)).toBe(0);
});

test('files that were on demand are fetched once the settings say so, without another version', async () => {
  const repository = await fresh({ policy: 'on demand' });
  publish(some(['a', 'b']));
  await bench.sync(repository);
  await updateRepository(bench.db, repository, { plugin: 'file', settings: { url } });
  expect(await bench.sync(repository)).toMatchObject({ version: 1, changed: false });
  expect(filesAsked(bench.server, folder)).toBe(2);
});

test('two repositories with files in common fetch each of them once', async () => {
  const first = await fresh();
  publish(some(['shared/1', 'shared/2', 'own'], 'overlap'));
  await bench.sync(first);
  const second = await fresh();
  publish(some(['shared/1', 'shared/2', 'other'], 'overlap'));
  await bench.sync(second);
  expect(filesAsked(bench.server, folder)).toBe(1);
});

test('two repositories with files in common may be synced at once', async () => {
  const paths = Array.from({ length: 120 }, (_, n) => `at-once/${n}`);
  const first = await fresh();
  publish(some([...paths, 'first']));
  const second = await fresh();
  publish(some([...paths.toReversed(), 'second']));
  const other = await bench.startSession('other');
  const results = await Promise.all([bench.sync(first), bench.sync(second, { on: other })]);
  expect(results.map(({ counts }) => counts.present)).toEqual([121, 121]);
  const files = await rows(
    bench.db,
    `SELECT count(*) FROM holdfast.content WHERE type = 'file' AND key LIKE '["at-once/%'`,
  );
  expect(Number(files[0]![0])).toBe(120);
});

describe('a manifest with', () => {
  const digest = sha256Of('x');
  test.each([
    ['a line without digest and size', 'just-a-name', /line 2: expected name,sha256,size$/],
    ['a line without a name', `,${digest},5`, /line 2: expected name,sha256,size$/],
    ['a digest that is none', 'name,abc,5', /line 2: .*64 hexadecimal digits/],
    ['a size that is none', `name,${digest},5.5`, /line 2: .*whole number of bytes/],
    ['a size below zero', `name,${digest},-1`, /line 2: .*whole number of bytes/],
    ['a name that leaves the repository', `../up,${digest},5`, /line 2: the name "\.\.\/up" leaves/],
    ['an absolute name', `/etc/passwd,${digest},5`, /line 2: the name "\/etc\/passwd" is not relative/],
    ['a name with NUL', `a\0b,${digest},5`, /line 2: the name "a\\u0000b" has a control character/],
    ['an endless line', 'x'.repeat(200_000), /line 2: it has more than 65536 characters/],
  ])('%s is refused, by line, and nothing of it is there', async (_, line, message) => {
    const repository = await fresh();
    manifest(`# comment\n${line}\nfine,${digest},1\n`);
    const error = await failureOf(bench.sync(repository));
    expect(error).toMatchObject({ code: 'HOLDFAST_INVALID_CONTENT' });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`${url}PULP_MANIFEST`);
    await expect(bench.keys(repository)).rejects.toThrow(/no complete version/);
  });

  test('bytes that are not UTF-8 is refused', async () => {
    const repository = await fresh();
    manifest(Buffer.from([0x61, 0xff, 0x0a]));
    await expect(bench.sync(repository)).rejects.toThrow(/line 1: .*not UTF-8/);
  });

  test('the same name twice, and other digests, is refused', async () => {
    const repository = await fresh({ policy: 'on demand' });
    manifest(`a,${digest},1\na,${sha256Of('y')},1\n`);
    await expect(bench.sync(repository)).rejects.toThrow(/file \["a"\] is declared twice.*sha256 is/);
  });

  test('empty lines, comments, CRLF and no end of the last line is read', async () => {
    const repository = await fresh();
    publish({ a: 'x' });
    manifest(`\r\n# by hand\r\n  a , ${digest.toUpperCase()} , 1`);
    expect((await bench.sync(repository)).counts.present).toBe(1);
  });

  test('thousands of lines is read whole', async () => {
    const repository = await fresh({ policy: 'on demand' });
    manifest(Array.from({ length: 3_210 }, (_, n) => `dir/${n},${digest},1\n`).join(''));
    expect((await bench.sync(repository)).counts.present).toBe(3_210);
  });
});

describe('of an upstream that fails', () => {
  const body = 'the file: ';
  const withFile = async (...answers: Parameters<typeof bench.server.script>[1][]) => {
    const repository = await fresh();
    publish({ 'the file': body });
    if (answers.length > 0) bench.server.script(`/${folder}/the%20file`, ...answers);
    return repository;
  };

  test('a corrupt file is an error that names both digests, the URL and the natural key', async () => {
    const repository = await withFile(whole('THE FILE: '));
    const error = await failureOf(bench.sync(repository));
    expect(error).toMatchObject({
      code: 'HOLDFAST_DIGEST_MISMATCH',
      expected: sha256Of(body),
      found: sha256Of('THE FILE: '),
    });
    for (const part of [sha256Of(body), sha256Of('THE FILE: '), `${url}the%20file`, 'file ["the file"]'])
      expect(error.message).toContain(part);
    await expect(bench.keys(repository)).rejects.toThrow(/no complete version/);
  });

  test('a short file is an error that names both sizes', async () => {
    const repository = await withFile(whole(body.slice(1)));
    await expect(bench.sync(repository)).rejects.toThrow(/the size is 9 bytes, expected 10 bytes/);
  });

  test.each([
    ['that asks to wait', [status(429, { 'retry-after': '0' }), whole(body)]],
    ['that is overloaded first', [status(503), status(503), whole(body)]],
  ])('a file %s is fetched', async (_, answers) => {
    const repository = await withFile(...answers);
    expect((await bench.sync(repository)).counts.added).toBe(1);
  });

  test('a file that is elsewhere is fetched from there', async () => {
    const elsewhere = bench.server.script('/elsewhere', whole(body));
    const repository = await withFile(redirect(elsewhere));
    expect((await bench.sync(repository)).counts.added).toBe(1);
  });

  test('a manifest that is cut is no smaller repository', async () => {
    const repository = await fresh();
    publish(some(['a', 'b']));
    await bench.sync(repository);
    bench.server.script(`/${folder}/PULP_MANIFEST`, cut);
    await expect(bench.sync(repository)).rejects.toMatchObject({ code: 'HOLDFAST_DOWNLOAD' });
    expect(await bench.keys(repository)).toHaveLength(2);
  });

  test('with onItemError skip, the others are there, what failed is reported, and what was held is kept', async () => {
    const repository = await fresh({ onItemError: 'skip' });
    publish({ a: 'old a', b: 'old b' });
    await bench.sync(repository);
    publish({ a: 'new a', b: 'new b', c: 'c' });
    bench.server.script(`/${folder}/a`, whole('wrong'));
    const result: SyncResult = await bench.sync(repository);
    expect(result.counts).toEqual({ added: 2, removed: 1, present: 3 });
    expect(result.skipped).toMatchObject([
      { item: 'file ["a"]', stage: 'download-artifacts', error: { code: 'HOLDFAST_DIGEST_MISMATCH' } },
    ]);
    const [kept] = await (await bench.view(repository)).named('file', 'a');
    expect(kept!.metadata).toMatchObject({ sha256: sha256Of('old a') });
  });
});

describe('settings', () => {
  test.each([
    [{}, /url: .*string/],
    [{ url: 'ftp://host/' }, /url: expected a URL that begins with http/],
    [{ url: 'http://me:secret@host/' }, /url: expected no user and no password/],
    [{ url: 'http://host/', mirrors: true }, /mirrors: unknown option/],
  ])('that cannot be used are refused: %j', async (settings, message) => {
    const error = await failureOf(bench.sync(await bench.repository('file', settings)));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret');
  });

  test('of a repository without a plugin, or with one that is not known, are refused', async () => {
    await createRepository(bench.db, 'plain');
    await expect(bench.sync('plain')).rejects.toThrow(/plain has no plugin/);
    const repository = await fresh();
    await expect(syncRepository(bench.session, repository, { plugins: [] })).rejects.toThrow(
      /has the plugin file; known are none/,
    );
  });
});
