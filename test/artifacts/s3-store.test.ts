import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { stat, truncate } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ArtifactStore, openStore, type S3StoreOptions, s3Store } from '../../src/artifacts/index.ts';
import { storeConformance } from './conformance.ts';
import { bytesOf, digestOf, localFile, put, temporaryFolder } from './support/files.ts';
import { cut, refuse, S3Server } from './support/s3-server.ts';

const folder = await temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());
const s3 = await S3Server.start();
afterAll(() => s3[Symbol.asyncDispose]());

const stores: ArtifactStore[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  expect(s3.faults.splice(0), 'every fault was met').toEqual([]);
  for (const store of stores.splice(0)) await store.close();
});

async function open(url: string, options: S3StoreOptions = {}): Promise<ArtifactStore> {
  const downloads = join(folder.path, randomUUID());
  const store = await s3Store(url, {
    endpoint: s3.endpoint,
    credentials: s3.credentials,
    downloads,
    ...options,
  });
  stores.push(store);
  return store;
}

const fresh = () => open(`s3://${s3.bucket}/${randomUUID()}`);

describe('a store in S3', () => storeConformance(fresh));

describe('what it sends', () => {
  beforeEach(() => void s3.requests.splice(0));

  test('a put is one request with the size and the SHA-256, which the server checks', async () => {
    const store = await fresh();
    s3.requests.splice(0);
    const sha256 = await put(store, 'body');
    expect(s3.requests).toHaveLength(1);
    expect(s3.requests[0]).toMatchObject({
      method: 'PUT',
      headers: {
        'content-length': '4',
        'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
      },
    });
    expect(s3.requests[0]!.url).toContain(`/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`);
  });

  test('other bytes than the digest says are refused by the server, and nothing is there', async () => {
    const store = await fresh();
    const file = await localFile(store, 'other');
    await expect(store.put(digestOf('body!'), file)).rejects.toMatchObject({
      reason: 'refused',
      message: expect.stringContaining('BadDigest'),
    });
    expect(await store.has(digestOf('body!'))).toBe(false);
    expect((await stat(file.path)).size).toBe(5);
  });

  test('more than one request may send is refused before anything is sent', async () => {
    const store = await fresh();
    const { path } = await localFile(store, '');
    const size = 5 * 2 ** 30 + 1;
    await truncate(path, size);
    s3.requests.splice(0);
    await expect(store.put(digestOf('large'), { path, size })).rejects.toMatchObject({
      reason: 'refused',
      message: `${store.name}: an artifact may have 5368709120 bytes, not ${size}`,
    });
    expect(s3.requests).toEqual([]);
  });

  test('a list of several pages asks for each once', async () => {
    const store = await fresh();
    for (let i = 0; i < 25; i++) await put(store, `body ${i}`);
    s3.requests.splice(0);
    for await (const _ of store.list());
    expect(s3.requests.filter(({ url }) => url?.includes('list-type=2'))).toHaveLength(3);
  });

  test('objects of others under the same prefix are not artifacts', async () => {
    const outer = await open(`s3://${s3.bucket}`);
    const inner = await open(`s3://${s3.bucket}/${randomUUID()}/`);
    const sha256 = await put(inner, 'inner');
    for await (const listed of outer.list()) expect(listed.sha256).not.toBe(sha256);
  });
});

describe('faults', () => {
  test('a put whose connection is cut, or that the server is too busy for, is sent again', async () => {
    const store = await fresh();
    s3.faults.push({ method: 'PUT', answer: cut }, { method: 'PUT', answer: refuse(503, 'SlowDown') });
    const sha256 = await put(store, 'body');
    expect(String(await bytesOf(await store.read(sha256)))).toBe('body');
  });

  test('a full server says so, and the next put works', async () => {
    const store = await fresh();
    s3.faults.push({ method: 'PUT', answer: refuse(403, 'QuotaExceeded') });
    await expect(put(store, 'body')).rejects.toMatchObject({
      code: 'HOLDFAST_ARTIFACT_STORE',
      reason: 'full',
    });
    expect(await store.has(digestOf('body'))).toBe(false);
    await put(store, 'body');
    expect(await store.has(digestOf('body'))).toBe(true);
  });

  test('a server that is not there is one clear line', async () => {
    const opening = open(`s3://${s3.bucket}`, { endpoint: 'http://127.0.0.1:9' });
    await expect(opening).rejects.toMatchObject({
      reason: 'unavailable',
      message: 's3://artifacts/: the server does not answer as it should (ECONNREFUSED)',
    });
  });

  test('a bucket that does not exist is one clear line', async () => {
    await expect(open('s3://no-such-bucket')).rejects.toMatchObject({
      reason: 'not-found',
      message: 's3://no-such-bucket/: there is no such bucket',
    });
  });

  test('wrong credentials are one clear line, and no error shows them', async () => {
    s3.faults.push({ method: 'GET', answer: refuse(403, 'InvalidAccessKeyId') });
    const credentials = { accessKeyId: 'NOBODY', secretAccessKey: 'swordfish' };
    const error = await open(`s3://${s3.bucket}`, { credentials }).catch((error: unknown) => error);
    expect(error).toMatchObject({
      reason: 'access',
      message: 's3://artifacts/: the server refuses these credentials (InvalidAccessKeyId)',
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/swordfish|NOBODY/);
  });
});

describe('bad input', () => {
  test.each([
    ['s3://', 'store: expected s3://bucket/prefix?endpoint=...&region=...'],
    ['s3://UPPER_case', 'store: a bucket has 3 to 63 lower-case letters, digits, dots and dashes'],
    ['s3://key:swordfish@bucket', /^store: credentials do not belong in the URL/],
    ['s3://bucket?endpoint=ftp://host', 'endpoint: expected a URL that begins with http:// or https://'],
    ['s3://bucket?endpont=http://host', 'endpont: unknown option'],
    ['s3://bucket?pathStyle=maybe', 'pathStyle: expected true or false'],
    ['s3://bucket/%zz', 'store: a prefix has letters, digits, slashes, dots, dashes and underscores'],
  ])('%s', async (url, message) => {
    const error = await openStore(url).then(
      () => expect.fail('it was opened'),
      (error: unknown) => error as Error,
    );
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code: 'HOLDFAST_INVALID_OPTION' });
    expect(inspect(error, { depth: 9 })).not.toContain('swordfish');
  });

  test('neither credentials nor a region in sight is one clear line each', async () => {
    const values = {
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
    for (const name of ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    const { credentials } = s3;
    const downloads = join(folder.path, randomUUID());
    await expect(s3Store('s3://bucket', { credentials, downloads })).rejects.toMatchObject({
      code: 'HOLDFAST_INVALID_OPTION',
      message: 'region: no region is known: set AWS_REGION, or give region=... in the URL',
    });
    await expect(openStore(`s3://${s3.bucket}?endpoint=${s3.endpoint}`)).rejects.toMatchObject({
      reason: 'access',
      message: 's3://artifacts/: no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    });
  });

  test('a process whose user has no name, as in a container, has a folder of its own for downloads', async () => {
    const { userInfo } = os;
    os.userInfo = () => {
      throw Object.assign(new Error('uv_os_get_passwd returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' });
    };
    syncBuiltinESMExports();
    try {
      const { endpoint, credentials } = s3;
      const store = await s3Store(`s3://${s3.bucket}/${randomUUID()}`, { endpoint, credentials });
      stores.push(store);
      expect(await store.has(await put(store, 'body'))).toBe(true);
    } finally {
      os.userInfo = userInfo;
      syncBuiltinESMExports();
    }
  });

  test('a store by its URL alone, with credentials of the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
    const downloads = join(folder.path, randomUUID());
    const store = await openStore(
      `s3://${s3.bucket}/a/b?endpoint=${s3.endpoint}&downloads=${downloads}&pathStyle=true`,
    );
    stores.push(store);
    expect(store.name).toBe('s3://artifacts/a/b/');
    expect(await store.has(await put(store, 'body'))).toBe(true);
  });

  test('a program without the AWS SDK is told what to install', async () => {
    const hooks = `import { registerHooks } from 'node:module';
      registerHooks({ resolve(name, context, next) {
        if (!name.startsWith('@aws-sdk/')) return next(name, context);
        throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' });
      } });`;
    const index = new URL('../../src/artifacts/index.ts', import.meta.url);
    const program = `import { openStore } from '${index}';
      await openStore('s3://bucket').catch(({ code, message }) => console.log(code, message));`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(hooks)}`,
      '--input-type=module',
      '--eval',
      program,
    ]);
    expect(stdout).toBe(
      'HOLDFAST_INVALID_OPTION store: a store in S3 needs the package @aws-sdk/client-s3: npm install @aws-sdk/client-s3\n',
    );
  });
});
