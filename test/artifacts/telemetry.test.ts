import { afterAll, expect, test } from 'vitest';
import { Downloader, openStore } from '../../src/artifacts/index.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { digestOf, temporaryFolder } from './support/files.ts';
import { ScriptedServer, status, whole } from './support/server.ts';

const telemetry = recordTelemetry();
afterAll(() => telemetry.stop());

test('a download has a span and is counted by its result, without its URL', async () => {
  await using server = await ScriptedServer.start();
  await using folder = await temporaryFolder();
  await using downloader = new Downloader({ noProxy: '*', retries: 0 });
  const into = await openStore(folder.path);
  const abort = new AbortController();
  const gone = server.script('/secret-path', status(404));
  const good = server.script('/good', whole('body'));
  const stuck = server.script('/stuck', () => abort.abort(new Error('enough')));
  const spans = await telemetry.during(async () => {
    await downloader.store({ urls: [gone, good], into, describe: 'secret item' });
    const wrong = { sha256: digestOf('other') };
    await expect(downloader.store({ urls: [good], into, digests: wrong })).rejects.toThrow();
    await expect(downloader.download({ urls: [stuck], into, signal: abort.signal })).rejects.toThrow();
  });
  expect(spans.map(({ name, attributes }) => [name, attributes])).toEqual([
    ['download', { 'server.address': '127.0.0.1', 'holdfast.download.size': 4 }],
    ['download', { 'error.type': 'HOLDFAST_DIGEST_MISMATCH' }],
    ['download', { 'error.type': 'Error' }],
  ]);
  expect(JSON.stringify(spans.map(({ attributes, events }) => [attributes, events]))).not.toContain('secret');
  const points = await telemetry.points('holdfast.downloads.ended');
  expect(points.map(({ attributes, value }) => [attributes['result'], value])).toEqual([
    ['finished', 1],
    ['failed', 1],
    ['canceled', 1],
  ]);
  const [bytes] = await telemetry.points('holdfast.downloads.bytes');
  expect(bytes).toMatchObject({ value: 4, attributes: {} });
});
