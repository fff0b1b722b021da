import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { type PackedPackage, packInstalled, packumentOf } from '../../examples/sync/packages.ts';
import { npmPlugin } from '../../src/plugins/index.ts';
import {
  type DeclaredContent,
  each,
  STAGES,
  type SyncResult,
  updateRepository,
} from '../../src/sync/index.ts';
import { ScriptedServer, silent, status, whole } from '../artifacts/support/server.ts';
import { rows } from '../support/sql.ts';
import { cut, NpmUpstream } from '../support/upstreams.ts';
import { waitFor } from '../support/wait-for.ts';
import { Bench, failureOf } from './support.ts';

const bench = Bench.use();
const STAGE_NAMES = [STAGES[0], 'fetch-npm-manifests', ...STAGES.slice(1)];

let upstream: NpmUpstream;
let count = 0;
beforeEach(async () => {
  const server = await ScriptedServer.start();
  upstream = new NpmUpstream(server);
  count++;
  return () => server[Symbol.asyncDispose]();
});

/** A real package, under a name of this test alone, so that no other test has stored it. */
const packed = (from: string, changes: Readonly<Record<string, unknown>> = {}) => {
  const { name = from, ...rest } = changes;
  return packInstalled(from, { name: own(String(name)), ...rest });
};
const own = (name: string) => `${name}-${count}`;
const fresh = (settings: object) => bench.repository('npm', { url: upstream.url, ...settings });
const keysOf = async (repository: string, number?: number) =>
  (await bench.keys(repository, number)).filter((key) => key.startsWith('npm-version'));
const key = ({ name, version }: PackedPackage) => `npm-version ${name} ${version}`;

/** Versions whose metadata is not what the second request gives. */
const halves = async () => {
  const found = await rows(
    bench.db,
    "SELECT count(*) FROM holdfast.content WHERE type = 'npm-version' AND metadata->>'_id' IS NULL",
  );
  return Number(found[0]![0]);
};
const stored = async (packages: readonly PackedPackage[]) => {
  const keys = packages.map(({ name, version }) => JSON.stringify([name, version]));
  const digests = packages.map(({ tarball }) => `'${createHash('sha512').update(tarball).digest('hex')}'`);
  const files = await rows(
    bench.db,
    `SELECT count(*) FROM holdfast.artifact WHERE state = 'stored' AND sha512 IN (${digests.join(',')})`,
  );
  const known = await rows(
    bench.db,
    `SELECT count(*) FROM holdfast.content WHERE key IN (${keys.map((one) => `'${one}'`).join(',')})`,
  );
  return { files: Number(files[0]![0]), contents: Number(known[0]![0]) };
};

describe('packages of a registry', () => {
  test('are mirrored with their tarballs, by one more request for each new version', async () => {
    const [a, b] = [await packed('ret'), await packed('@fastify/error')];
    upstream.publish(a, b);
    const repository = await fresh({ packages: [a.name, b.name] });
    const result = await bench.sync(repository);
    // Two versions, and for each package what belongs to all its versions.
    expect(result).toMatchObject({ version: 1, counts: { added: 4, removed: 0, present: 4 } });
    expect(await keysOf(repository)).toEqual([key(b), key(a)]);
    expect(upstream.counts).toEqual({ packuments: 2, manifests: 2, tarballs: 2 });
    const [found] = await (await bench.view(repository)).named('npm-version', a.name);
    expect(found!.metadata).toMatchObject({
      description: a.manifest['description'],
      _id: `${a.name}@${a.version}`,
    });
  });

  test('that have not changed cost a document each, and no version', async () => {
    const [a, b] = [await packed('ret'), await packed('split2')];
    upstream.publish(a, b);
    const repository = await fresh({ packages: [a.name, b.name] });
    await bench.sync(repository);
    upstream.reset();
    expect(await bench.sync(repository)).toMatchObject({ version: 1, changed: false });
    expect(upstream.counts).toEqual({ packuments: 2, manifests: 0, tarballs: 0 });
  });

  test('with a new version: it alone is fetched, and takes the place of the old one', async () => {
    const [a, b] = [await packed('ret'), await packed('split2')];
    upstream.publish(a, b);
    const repository = await fresh({ packages: [a.name, b.name] });
    await bench.sync(repository);
    const next = await packed('ret', { version: '99.0.0' });
    upstream.publish(next);
    upstream.reset();
    const result = await bench.sync(repository);
    expect(result).toMatchObject({ version: 2, counts: { added: 2, removed: 2, present: 4 } });
    expect(upstream.counts).toEqual({ packuments: 2, manifests: 1, tarballs: 1 });
    expect(await keysOf(repository)).toEqual([key(next), key(b)].sort());
    expect(await keysOf(repository, 1)).toEqual([key(a), key(b)].sort());
  });

  test('of another repository are neither asked for nor downloaded again', async () => {
    const a = await packed('ret');
    upstream.publish(a);
    await bench.sync(await fresh({ packages: [a.name] }));
    upstream.reset();
    const second = await fresh({ packages: [a.name] });
    expect((await bench.sync(second)).counts.present).toBe(2);
    expect(upstream.counts).toEqual({ packuments: 1, manifests: 0, tarballs: 0 });
  });

  test('that were on demand are fetched once the settings say so', async () => {
    const a = await packed('ret');
    upstream.publish(a);
    const repository = await fresh({ packages: [a.name], policy: 'on demand' });
    await bench.sync(repository);
    expect(upstream.counts.tarballs).toBe(0);
    const settings = { url: upstream.url, packages: [a.name] };
    await updateRepository(bench.db, repository, { plugin: 'npm', settings });
    expect(await bench.sync(repository)).toMatchObject({ version: 1, changed: false });
    expect(upstream.counts).toMatchObject({ manifests: 1, tarballs: 1 });
    expect(await stored([a])).toEqual({ files: 1, contents: 1 });
    await bench.sync(repository);
    expect(upstream.counts).toMatchObject({ manifests: 1, tarballs: 1 });
  });
});

describe('which versions', () => {
  test.each([
    ['the tag latest, by default', {}, '', ['2.1.0']],
    ['all', { versions: 'all' }, '', ['1.0.0', '1.2.0', '2.0.0-beta.1', '2.1.0']],
    ['those that tags name', { versions: 'dist-tags' }, '', ['2.0.0-beta.1', '2.1.0']],
    ['a tag', { versions: 'next' }, '', ['2.0.0-beta.1']],
    ['a range', { versions: '^1' }, '', ['1.0.0', '1.2.0']],
    ['a range of one package', { versions: 'all' }, '@>=1.1 <2', ['1.2.0']],
  ])('%s', async (_, settings, suffix, versions) => {
    const all = await Promise.all(
      ['1.0.0', '1.2.0', '2.0.0-beta.1', '2.1.0'].map((version) => packed('ret', { version })),
    );
    upstream.publish(...all);
    upstream.annotate(own('ret'), { tags: { next: '2.0.0-beta.1' } });
    const repository = await fresh({ packages: [own('ret') + suffix], policy: 'on demand', ...settings });
    await bench.sync(repository);
    expect(await keysOf(repository)).toEqual(
      versions.map((version) => `npm-version ${own('ret')} ${version}`),
    );
  });

  test('that nobody has is an error that names the package and what was wanted', async () => {
    upstream.publish(await packed('ret'));
    const repository = await fresh({ packages: [`${own('ret')}@^99`] });
    await expect(bench.sync(repository)).rejects.toThrow(`no version of ${own('ret')} is "^99"`);
  });

  test('of a scope: all its packages, as the search gives them', async () => {
    const scoped = await packed('@fastify/error', { name: '@scope/one' });
    upstream.publish(scoped);
    const others = Array.from({ length: 250 }, (_, n) => ({ package: { name: `@scope-other/${n}` } }));
    const page = (objects: unknown) => whole(JSON.stringify({ objects }));
    const found = [{ package: { name: scoped.name } }];
    upstream.server.script('/-/v1/search', page(others), page(found));
    const repository = await fresh({ scopes: ['@scope'], policy: 'on demand' });
    await bench.sync(repository);
    expect(await keysOf(repository)).toEqual([key(scoped)]);
    const asked = upstream.server.requests.map(({ path }) => path).filter((path) => path.includes('search'));
    expect(asked).toEqual([
      '/-/v1/search?text=scope:scope&size=250&from=0',
      '/-/v1/search?text=scope:scope&size=250&from=250',
    ]);
  });
});

describe('dependencies', () => {
  test('are followed, each document once: optional ones, peers, aliases and tags; nothing from elsewhere', async () => {
    const range = { dependencies: { [own('c')]: '^1.0.0' } };
    const a = await packed('ret', {
      name: 'a',
      dependencies: {
        [own('b')]: '*',
        alias: `npm:${own('d')}@1.x`,
        git: 'git+https://host/x.git',
        file: 'file:../x',
      },
      optionalDependencies: { [own('nowhere')]: '1' },
      peerDependencies: { [own('peer')]: 'latest', [own('unwanted')]: '*' },
      peerDependenciesMeta: { [own('unwanted')]: { optional: true } },
    });
    // In a circle.
    const b = await packed('ret', { name: 'b', dependencies: { [own('a')]: '*', ...range.dependencies } });
    const c = await packed('ret', { name: 'c', version: '1.5.0' });
    const cNext = await packed('ret', { name: 'c', version: '2.0.0' });
    const d = await packed('ret', { name: 'd', version: '1.1.0' });
    const peer = await packed('ret', { name: 'peer', version: '3.0.0', dependencies: { [own('c')]: '>=2' } });
    upstream.publish(a, b, c, cNext, d, peer, await packed('ret', { name: 'unwanted' }));
    const repository = await fresh({ packages: [a.name], dependencies: true, policy: 'on demand' });
    const { profile } = await bench.sync(repository);
    expect(await keysOf(repository)).toEqual([a, b, c, cNext, d, peer].map(key).sort());
    // Those that are there, and the one that is not.
    expect(upstream.counts).toMatchObject({ packuments: 6, manifests: 6 });
    expect(profile.stages[0]!.counts).toEqual({
      'dependencies from elsewhere': 2,
      'dependencies not found': 1,
    });
  });

  test('are left out unless they are asked for', async () => {
    const a = await packed('ret', { name: 'a', dependencies: { [own('b')]: '*' } });
    upstream.publish(a);
    const repository = await fresh({ packages: [a.name], policy: 'on demand' });
    await bench.sync(repository);
    expect(await keysOf(repository)).toEqual([key(a)]);
  });

  test('beyond maxPackages fail the sync, which says so', async () => {
    const a = await packed('ret', { name: 'a', dependencies: { [own('b')]: '*' } });
    upstream.publish(a, await packed('ret', { name: 'b' }));
    const repository = await fresh({ packages: [a.name], dependencies: true, maxPackages: 1 });
    await expect(bench.sync(repository)).rejects.toThrow(/more than 1 packages: .*maxPackages/);
  });
});

describe('a version is served', () => {
  const ask = async (repository: string, path: string) =>
    npmPlugin.serve!({ path, base: 'http://served/r' }, await bench.view(repository));
  const documentOf = async (repository: string, path: string) => {
    const served = await ask(repository, path);
    if (served?.kind !== 'document') throw new Error(`no document at ${path}`);
    expect(served.contentType).toBe('application/json');
    return JSON.parse(String(served.body)) as Record<string, never>;
  };

  test('with the documents of its packages, whose tarballs are here, and with the tarballs', async () => {
    const [old, error] = [
      await packed('@fastify/error', { version: '1.0.0' }),
      await packed('@fastify/error', { version: '1.10.0' }),
    ];
    upstream.publish(old, error);
    upstream.annotate(error.name, { tags: { legacy: '1.0.0' }, deprecated: { '1.0.0': 'too old' } });
    const repository = await fresh({ packages: [error.name], versions: 'all' });
    await bench.sync(repository);
    const document = await documentOf(repository, error.name);
    const upstreams = packumentOf([old, error], upstream.url) as {
      versions: Record<string, { dist: { integrity: string } }>;
    };
    const file = `${error.name.split('/')[1]}-1.10.0.tgz`;
    expect(document).toMatchObject({
      name: error.name,
      'dist-tags': { latest: '1.10.0', legacy: '1.0.0' },
      versions: {
        '1.0.0': { deprecated: 'too old' },
        '1.10.0': {
          description: error.manifest['description'],
          dist: {
            tarball: `http://served/r/${error.name}/-/${file}`,
            integrity: upstreams.versions['1.10.0']!.dist.integrity,
          },
        },
      },
    });
    expect(Object.keys(document['versions']!)).toEqual(['1.0.0', '1.10.0']);
    expect(await ask(repository, `${error.name}/-/${file}`)).toMatchObject({ kind: 'file', path: file });
    expect(await documentOf(repository, `${error.name}/1.10.0`)).toMatchObject({ version: '1.10.0' });
    expect(await documentOf(repository, `${error.name}/legacy`)).toMatchObject({ version: '1.0.0' });
    for (const nothing of [
      '',
      'no',
      '@fastify',
      `${error.name}/9.9.9`,
      `${error.name}/-/x.tgz`,
      `${error.name}/constructor`,
    ])
      expect(await ask(repository, nothing), nothing).toBeUndefined();
  });

  test('with tags of versions that it holds, and always with latest', async () => {
    upstream.publish(await packed('ret', { version: '1.0.0' }), await packed('ret', { version: '2.0.0' }));
    const repository = await fresh({ packages: [`${own('ret')}@^1`], policy: 'on demand' });
    await bench.sync(repository);
    expect((await documentOf(repository, own('ret')))['dist-tags']).toEqual({ latest: '1.0.0' });
  });

  test('with tags and deprecations as upstream changes them, without another request for the versions', async () => {
    const a = await packed('ret', { version: '1.0.0' });
    upstream.publish(a);
    upstream.annotate(a.name, { deprecated: { '1.0.0': 'broken' } });
    const repository = await fresh({ packages: [a.name], policy: 'on demand' });
    await bench.sync(repository);
    upstream.annotate(a.name, { tags: { stable: '1.0.0' } });
    const result = await bench.sync(repository);
    expect(result).toMatchObject({ version: 2, counts: { added: 1, removed: 1, present: 2 } });
    expect(upstream.counts.manifests).toBe(1);
    const document = await documentOf(repository, a.name);
    expect(document['dist-tags']).toEqual({ latest: '1.0.0', stable: '1.0.0' });
    expect(document['versions']!['1.0.0']).not.toHaveProperty('deprecated');
  });
});

describe('the second request', () => {
  test('that fails fails the sync: nothing has the first metadata alone, also in another repository, and the next sync goes on', async () => {
    const [a, b] = [await packed('ret'), await packed('split2')];
    upstream.publish(a, b);
    upstream.failManifest(b, ...Array.from({ length: 5 }, () => status(503)));
    const repository = await fresh({ packages: [a.name, b.name] });
    const error = await failureOf(bench.sync(repository));
    expect(error).toMatchObject({ code: 'HOLDFAST_DOWNLOAD', status: 503 });
    expect(error.message).toContain(`manifest of ${b.name} ${b.version}`);
    expect(await halves()).toBe(0);
    const other = await fresh({ packages: [b.name] });
    await bench.sync(other);
    await bench.sync(repository);
    expect(await halves()).toBe(0);
    expect(await keysOf(repository)).toEqual([key(a), key(b)].sort());
    const [found] = await (await bench.view(other)).named('npm-version', b.name);
    expect(found!.metadata).toMatchObject({ license: b.manifest['license'] });
  });

  test('during which the worker dies leaves nothing with the first metadata alone, and the next worker goes on', async () => {
    const [a, b] = [await packed('ret'), await packed('split2')];
    upstream.publish(a, b);
    upstream.failManifest(b, silent);
    const repository = await fresh({ packages: [a.name, b.name] });
    const dying = await bench.startSession('dying');
    const abort = new AbortController();
    const killed = failureOf(bench.sync(repository, { on: dying, signal: abort.signal }));
    await waitFor(() => upstream.server.asked(upstream.manifestPath(b)).length > 0);
    // As after a kill: no statement of its proves anything any more.
    for (const table of ['session', 'session_deadline'])
      await rows(bench.db, `DELETE FROM holdfast.${table} WHERE session_id = '${dying.id}'`);
    abort.abort(new Error('killed'));
    await killed;
    expect(await halves()).toBe(0);
    upstream.publish(b);
    expect(await bench.sync(repository)).toMatchObject({ version: 1, counts: { present: 4 } });
    expect(await halves()).toBe(0);
  });

  test('that gives another package, another version or another digest is refused', async () => {
    const [a, b] = [await packed('ret'), await packed('split2')];
    upstream.publish(a, b);
    const repository = await fresh({ packages: [a.name] });
    const answer = (document: unknown) =>
      upstream.server.script(upstream.manifestPath(a), whole(JSON.stringify(document)));
    answer({ name: b.name, version: a.version, dist: {} });
    await expect(bench.sync(repository)).rejects.toThrow(`expected the manifest of ${a.name} ${a.version}`);
    answer(null);
    await expect(bench.sync(repository)).rejects.toThrow(`expected the manifest of ${a.name} ${a.version}`);
    const integrity = `sha512-${Buffer.alloc(64, 7).toString('base64')}`;
    answer({ name: a.name, version: a.version, dist: { integrity } });
    await expect(bench.sync(repository)).rejects.toThrow(/its sha512 is [0-9a-f]{128} in .* and (07){64} in/);
  });
});

describe('a sync that is interrupted', () => {
  test.each(STAGE_NAMES)(
    'behind %s ends, when it is repeated, in the same version, and downloads nothing that was stored',
    async (name) => {
      const packages = await Promise.all(
        ['ret', 'split2', 'reusify', 'fastq', 'rfdc'].map((from) => packed(from)),
      );
      upstream.publish(...packages);
      const repository = await fresh({ packages: packages.map((one) => one.name) });
      const abort = new AbortController();
      const reason = new Error('interrupted');
      const stop = each<DeclaredContent>('stop', () => abort.abort(reason));
      const interrupted = bench.sync(repository, {
        signal: abort.signal,
        stages: (pipeline) => pipeline.after(name, stop),
      });
      await expect(interrupted).rejects.toBe(reason);
      expect(await halves()).toBe(0);
      await expect(bench.keys(repository)).rejects.toThrow(/no complete version/);
      const there = await stored(packages);
      upstream.reset();
      const result = await bench.sync(repository);
      expect(result).toMatchObject({ version: 1, counts: { added: 10, removed: 0, present: 10 } });
      expect(await keysOf(repository)).toEqual(packages.map(key).sort());
      expect(upstream.counts.tarballs).toBe(packages.length - there.files);
      expect(upstream.counts.manifests).toBe(packages.length - there.contents);
      expect(await bench.sync(repository)).toMatchObject({ version: 1, changed: false });
    },
  );

  test('at the boundaries that count has stored everything, or nothing', async () => {
    const storedBehind = async (name: string) => {
      const a = await packed('ret', { version: `1.0.${STAGE_NAMES.indexOf(name)}` });
      upstream.publish(a);
      const abort = new AbortController();
      const stop = each<DeclaredContent>('stop', () => abort.abort(new Error('interrupted')));
      await failureOf(
        bench.sync(await fresh({ packages: [a.name] }), {
          signal: abort.signal,
          stages: (pipeline) => pipeline.after(name, stop),
        }),
      );
      return stored([a]);
    };
    expect(await storedBehind('fetch-npm-manifests')).toEqual({ files: 0, contents: 0 });
    expect(await storedBehind('save-artifacts')).toEqual({ files: 1, contents: 0 });
    expect(await storedBehind('save-content')).toEqual({ files: 1, contents: 1 });
  });
});

describe('of a registry that fails', () => {
  test('a corrupt tarball is an error that names both digests, the URL and the natural key', async () => {
    const a = await packed('ret');
    upstream.publish(a);
    upstream.failTarball(a, whole(Buffer.from(a.tarball.map((byte) => byte ^ 1))));
    const error = await failureOf(bench.sync(await fresh({ packages: [a.name] })));
    expect(error).toMatchObject({ code: 'HOLDFAST_DIGEST_MISMATCH', algorithm: 'sha512' });
    expect(error.message).toMatch(/the sha512 is [0-9a-f]{128}, expected [0-9a-f]{128}/);
    expect(error.message).toContain(upstream.url + upstream.tarballPath(a));
    expect(error.message).toContain(`npm-version ["${a.name}","${a.version}"]`);
    expect(await stored([a])).toEqual({ files: 0, contents: 0 });
  });

  test('what asks to wait, is overloaded or cut is fetched in the end', async () => {
    const a = await packed('ret');
    upstream.publish(a);
    upstream.failManifest(a, status(503), status(429, { 'retry-after': '0' }));
    upstream.failTarball(a, cut, status(503));
    const result = await bench.sync(await fresh({ packages: [a.name] }));
    expect(result.counts.present).toBe(2);
  });

  test('with onItemError skip, the others are there, and what was held is kept', async () => {
    const [a, b, c] = [await packed('ret'), await packed('split2'), await packed('rfdc')];
    upstream.publish(a, b, c);
    const repository = await fresh({
      packages: [a, b, c].map(({ name }) => name),
      versions: 'all',
      onItemError: 'skip',
    });
    await bench.sync(repository);
    const [aNext, bNext, cNext] = await Promise.all(
      ['ret', 'split2', 'rfdc'].map((from) => packed(from, { version: '99.0.0' })),
    );
    upstream.publish(aNext!, bNext!, cNext!);
    upstream.server.script(upstream.manifestPath(aNext!), status(404));
    upstream.server.script(upstream.tarballPath(bNext!), whole('wrong'));
    const result: SyncResult = await bench.sync(repository);
    expect(result.skipped.map(({ item, stage }) => `${stage}: ${item}`).sort()).toEqual([
      `download-artifacts: npm-version ["${bNext!.name}","99.0.0"]`,
      `fetch-npm-manifests: npm-version ["${aNext!.name}","99.0.0"]`,
    ]);
    expect(await keysOf(repository)).toEqual([a, b, c, cNext!].map(key).sort());
  });

  test('a tarball that is another one than the stored version has is an error that names both', async () => {
    const a = await packed('ret');
    upstream.publish(a);
    const repository = await fresh({ packages: [a.name] });
    await bench.sync(repository);
    upstream.publish(await packed('ret', { description: 'published again' }));
    const error = await failureOf(bench.sync(repository));
    expect(error).toMatchObject({ code: 'HOLDFAST_CONTENT_CONFLICT', reason: 'changed' });
    expect(error.message).toMatch(/the sha512 of .* is [0-9a-f]{128} and [0-9a-f]{128}/);
    expect(await keysOf(repository)).toEqual([key(a)]);
  });

  test.each([
    ['that is not there', status(404), /package .*: the server answered 404/],
    ['that is not JSON', whole('<html>'), /it is not JSON/],
    [
      'of another package',
      whole('{"name":"other","versions":{}}'),
      /expected the package ret.*, found other/,
    ],
    ['without versions', whole('{"name":"x"}'), /versions: .*record/],
    ['without any version', whole('{"name":"ret-COUNT","versions":{}}'), /no version of ret.* is "latest"/],
  ])('a document %s is refused', async (_, answer, message) => {
    const name = own('ret');
    const answers = message.source.startsWith('no version')
      ? whole(JSON.stringify({ name, versions: {} }))
      : answer;
    upstream.server.script(`/${name}`, answers);
    await expect(bench.sync(await fresh({ packages: [name] }))).rejects.toThrow(message);
  });
});

test('settings that cannot be used are refused', async () => {
  const refused = async (settings: object) => (await failureOf(bench.sync(await fresh(settings)))).message;
  expect(await refused({ packages: 'ret' })).toMatch(/packages: .*array/);
  expect(await refused({ packages: ['../up'] })).toMatch(/"..\/up" is no name of a package/);
  expect(await refused({ scopes: ['types'] })).toMatch(/scopes\.0: expected a scope such as @types/);
  expect(await refused({ maxPackages: 0 })).toMatch(/maxPackages/);
});
