import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { REPOSITORY_KIND } from '../../src/sync/index.ts';
import { get } from '../serving/get.ts';
import { createTestDatabase } from '../support/database.ts';
import { runCliInside } from '../support/run-cli-inside.ts';
import { rows } from '../support/sql.ts';
import { sha256, startFileServer } from '../sync/file-server.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let db: Database;
let url: string;
let store: string;
let upstream: Awaited<ReturnType<typeof startFileServer>>;
let repository: string;
let count = 0;
const files = new Map<string, string>();
beforeAll(async () => {
  ({ url } = await createTestDatabase());
  db = await connect({ url });
  store = await mkdtemp(join(tmpdir(), 'holdfast-repo-'));
  upstream = await startFileServer(files);
});
afterAll(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await db?.close();
  await rm(store, { recursive: true, force: true });
});
beforeEach(() => {
  repository = `r${++count}`;
});

const repo = (...args: string[]) => runCliInside(['repo', ...args, '--url', url]);
const withStore = (...args: string[]) => repo(...args, '--store', store);
const body = (name: string) => `bytes of ${repository}/${name}`;
/** Upstream has these files, and says so. */
const publish = (...names: string[]) => {
  for (const name of names) files.set(`${repository}/${name}`, body(name));
  const lines = names.map((name) => `${name},${sha256(body(name))},${body(name).length}`);
  files.set(`${repository}/PULP_MANIFEST`, `${lines.join('\n')}\n`);
};
const create = (...args: string[]) =>
  repo('create', repository, '--plugin', 'file', '--upstream', `${upstream.url}/${repository}/`, ...args);
const done = async (running: ReturnType<typeof runCliInside>) => {
  const { code, stdout, stderr } = await running;
  expect([code, stderr.replaceAll(/^(Content|Artifacts) [a-z]+: \d+\n/gm, '')]).toEqual([0, '']);
  return stdout;
};
const start = (...args: string[]) =>
  spawn(process.execPath, [main, 'repo', ...args, '--url', url, '--store', store], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });

test('a repository is made, filled, looked into and deleted', async () => {
  publish('a', 'b');
  expect(await done(create('--retain', '3'))).toBe(`created ${repository}\n`);
  expect(await done(repo('versions', repository))).toBe('no complete version yet\n');
  expect(await done(repo('show', repository))).toMatch(/version {5}none yet/);
  const first = await withStore('sync', repository);
  expect(first.stdout).toBe(`${repository} has version 1: 2 added, 0 removed, 2 in all\n`);
  expect(first.stderr).toMatch(/^Content declared: 2$/m);
  expect(await done(withStore('sync', repository))).toBe(`${repository} did not change: version 1 has 2\n`);
  publish('b', 'c');
  const synced = JSON.parse(await done(withStore('sync', repository, '--json')));
  expect(synced).toMatchObject({
    version: 2,
    changed: true,
    counts: { added: 1, removed: 1, present: 2 },
    skipped: [],
  });
  expect(await done(repo('versions', repository))).toMatch(
    /^VERSION .*\n2 {8}1 {6}1 {8}2 .*\n1 {8}2 {6}0 {8}2 /,
  );
  expect((await done(repo('show', repository, '--content'))).split('\n').sort()).toEqual([
    '',
    'file  b',
    'file  c',
  ]);
  expect(JSON.parse(await done(repo('show', repository, '1', '--json')))).toMatchObject({
    name: repository,
    retain: 3,
    shown: { number: 1, present: 2 },
  });
  expect((await done(repo('diff', repository, '1'))).split('\n').sort()).toEqual([
    '',
    '+ file  c',
    '- file  a',
  ]);
  expect(await done(repo('diff', repository, '0', '1', '--json'))).toContain('"change":"added"');
  await done(repo('protect', repository, '1', '--reason', 'release 1.0'));
  const kept = await repo('delete', repository, '1');
  expect(kept).toMatchObject({ code: 1, stderr: expect.stringMatching(/^holdfast: .*release 1\.0\n$/) });
  await done(repo('unprotect', repository, '1'));
  await done(repo('delete', repository, '1'));
  expect(await repo('show', repository, '1')).toMatchObject({ code: 1 });
  expect(await done(repo('list'))).toMatch(new RegExp(`^${repository} +file +2 +2 `, 'm'));
  expect(await repo('delete', repository)).toMatchObject({ code: 2 });
  await done(repo('delete', repository, '--allow-destructive'));
  expect(await repo('show', repository)).toMatchObject({
    code: 1,
    stderr: `holdfast: there is no repository ${repository}\n`,
  });
});

test('a sync whose items fail ends with one line and code 1, or with --skip-errors with 3 and without them', async () => {
  publish('a', 'b');
  files.set(`${repository}/b`, 'other bytes than it');
  await create();
  const failed = await withStore('sync', repository);
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^holdfast: file \["b"\].*(sha256|size).*\n$/m);
  expect(await withStore('sync', repository, '--skip-errors', '0')).toMatchObject({ code: 1 });
  const skipped = await withStore('sync', repository, '--skip-errors', '5');
  expect(skipped).toMatchObject({ code: 3, stdout: expect.stringContaining('1 added, 0 removed, 1 in all') });
  expect(skipped.stderr).toMatch(/^skipped: file \["b"\], download-artifacts: /m);
  const json = await withStore('sync', repository, '--skip-errors', '5', '--json');
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout).skipped).toMatchObject([
    { item: 'file ["b"]', stage: 'download-artifacts' },
  ]);
});

test('--profile says how long each stage worked and waited', async () => {
  publish('a');
  await create('--policy', 'on-demand');
  const { code, stdout } = await withStore('sync', repository, '--profile');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^STAGE +IN +OUT +BATCHES +WORKING MS +WAITING MS +BLOCKED MS +PEAK QUEUE$/m);
  expect(stdout).toMatch(/^associate +1 +1 +1 /m);
  expect(upstream.requests.at(-1)).toBe(`${repository}/PULP_MANIFEST`);
});

test.each([
  [['create', 'x', '--plugin', 'rpm'], /known are file, npm/],
  [['create', 'x', '--plugin', 'file'], /^holdfast: url: /],
  [['create', 'x', '--plugin', 'file', '--upstream', 'ftp://h/'], /^holdfast: url: .*http/],
  [
    ['create', 'x', '--plugin', 'file', '--upstream', 'http://h/', '--settings', '{"urls": 1}'],
    /urls: unknown option/,
  ],
  [['create', 'x', '--plugin', 'file', '--settings', '[]'], /--settings: expected a JSON object/],
  [['create', 'x', '--plugin', 'file', '--policy', 'later'], /immediate, on-demand/],
  [['create', 'x', '--upstream', 'http://h/'], /--plugin/],
  [['create', 'a/b'], /^holdfast: repository: /],
  [['sync', 'x'], /pass --store, or set HOLDFAST_STORE/],
  [['sync', 'x', '--store', 'ftp://x'], /expected a path/],
  [['gc', '--grace', '5'], /a minute or more/],
  [['gc', '--grace', '5s'], /a minute or more/],
  [['show', 'x', 'first'], /whole number/],
  [['serve', '--port', '70000'], /0 to 65535/],
])('what cannot be is one line and code 2: %j', async (args, line) => {
  const { code, stdout, stderr } = await repo(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^holdfast: [^\n]+\n$/);
  expect(stderr).toMatch(line);
});

test('a repository that another program changes is refused, and its holder named', async () => {
  publish('a');
  await create();
  await using session = await db.startSession({ component: 'nightly', instance: 'n7', intervalMs: 600_000 });
  const [work] = await session.claim({ kind: REPOSITORY_KIND, candidates: () => [repository] });
  const { code, stderr } = await withStore('sync', repository);
  expect([code, stderr]).toEqual([
    1,
    `holdfast: ${repository} is being changed by session ${session.id} of nightly, n7\n`,
  ]);
  await work!.finish();
});

test('Ctrl-C ends a sync without a version, and lets the next one begin at once', async () => {
  publish('a');
  await create();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  const undo = upstream.answerBy((request, response) => {
    if (request.url!.endsWith('PULP_MANIFEST')) response.end(files.get(`${repository}/PULP_MANIFEST`));
    else isAsked();
  });
  const child = start('sync', repository);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await asked;
  child.kill('SIGINT');
  expect(await ended).toBe(1);
  undo();
  expect(stderr).toMatch(/^holdfast: interrupted: [^\n]+\n$/m);
  expect(await rows(db, 'SELECT 1 FROM holdfast.repository_version WHERE NOT complete')).toEqual([]);
  const run = await rows(db, "SELECT state FROM holdfast.repository_run WHERE cause LIKE 'interrupted%'");
  expect(run).toEqual([['canceled']]);
  expect((await withStore('sync', repository)).stdout).toContain('has version 1');
});

test('verify mends what is damaged, and says by its code whether something is left', async () => {
  publish('a', 'b');
  await create();
  await withStore('sync', repository);
  const path = (name: string) => {
    const digest = sha256(body(name));
    return join(store, digest.slice(0, 2), digest.slice(2, 4), digest);
  };
  await writeFile(path('a'), body('a').toUpperCase());
  await rm(path('b'));
  files.delete(`${repository}/b`);
  const told = await withStore('verify', '--no-repair');
  expect(told.code).toBe(3);
  expect(told.stdout).toMatch(new RegExp(`^digest: ${sha256(body('a'))} file \\["a"\\]`, 'm'));
  expect(told.stdout).toMatch(/repaired 0, damaged 2\n$/);
  const mended = await withStore('verify');
  expect(mended).toMatchObject({ code: 3, stdout: expect.stringMatching(/repaired 1, damaged 1\n$/) });
  publish('a', 'b');
  const lines = (await withStore('verify', '--json')).stdout.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ fault: 'missing', isRepaired: true }]);
  expect(await done(withStore('verify'))).toMatch(/repaired 0, damaged 0\n$/);
});

test('gc frees what no version holds once it was not used for the grace time', async () => {
  publish('a');
  await create();
  await withStore('sync', repository);
  await repo('delete', repository, '--allow-destructive');
  expect(await done(withStore('gc'))).toMatch(/^deleted 0 contents, 0 artifacts/);
  await rows(db, "UPDATE holdfast.content SET used_at = now() - INTERVAL '1 day'");
  await rows(db, "UPDATE holdfast.artifact SET used_at = now() - INTERVAL '1 day'");
  const { contents, artifacts } = JSON.parse(await done(withStore('gc', '--grace', '90s', '--json')));
  expect(contents).toBeGreaterThan(0);
  expect(artifacts).toBeGreaterThan(0);
});

test('serve answers until it is told to end', async () => {
  publish('a');
  await create('--policy', 'on-demand');
  await withStore('sync', repository);
  const child = start('serve', '--port', '0');
  const ended = new Promise((resolve) => child.once('close', resolve));
  const [line] = await createInterface({ input: child.stdout })
    [Symbol.asyncIterator]()
    .next()
    .then(({ value }) => [value as string]);
  const at = /^serving at (\S+);/.exec(line!)![1]!;
  expect((await get(at, `/${repository}/a`)).body.toString()).toBe(body('a'));
  expect((await get(at, `/${repository}/PULP_MANIFEST`)).body.toString()).toBe(
    files.get(`${repository}/PULP_MANIFEST`),
  );
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

test('explain and history know repositories', async () => {
  publish('a');
  await create();
  files.delete(`${repository}/a`);
  await withStore('sync', repository);
  const stuck = await runCliInside(['explain', repository, '--url', url]);
  expect(stuck.stdout).toMatch(/sync ended failed: /);
  expect(stuck.code).toBe(3);
  publish('a');
  await withStore('sync', repository);
  const { stdout } = await runCliInside(['history', repository, '--url', url]);
  expect(stdout).toMatch(/sync began.*failed.*sync began.*version 1/s);
});
