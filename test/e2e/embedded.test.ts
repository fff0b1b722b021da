import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startEmbedded } from '../../src/database/embedded/index.ts';
import { readPostmasterFile } from '../../src/database/embedded/postmaster.ts';
import { connect } from '../../src/index.ts';
import { isGone, startHolder } from '../embedded/support.ts';
import { withAdmin } from '../support/admin.ts';
import { waitFor } from '../support/wait-for.ts';

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

test('a throw-away server is a real PostgreSQL, serializable, UTF-8 and UTC, and its folder goes with it', async () => {
  const server = await startEmbedded();
  const { rows } = await withAdmin(server.url, (client) =>
    client.query(`SELECT current_setting('server_version_num')::INT8 >= 180000 AS recent,
      current_setting('default_transaction_isolation') AS isolation, current_setting('TimeZone') AS zone,
      current_setting('server_encoding') AS encoding, current_setting('listen_addresses') AS listens,
      current_setting('max_connections')::INT8 >= 200 AS roomy, 'B' < 'a' AS by_code_point, lower('Ä') AS lower`),
  );
  expect(rows).toEqual([
    {
      recent: true,
      isolation: 'serializable',
      zone: 'UTC',
      encoding: 'UTF8',
      listens: '127.0.0.1',
      roomy: true,
      by_code_point: true,
      lower: 'ä',
    },
  ]);
  await server.stop();
  await server.stop();
  expect(await exists(server.dir)).toBe(false);
});

test('a wrong password is refused', async () => {
  await using server = await startEmbedded();
  const url = new URL(server.url);
  url.password = 'guess';
  await expect(withAdmin(url.href, async () => {})).rejects.toMatchObject({ code: '28P01' });
});

test('several servers run beside each other', async () => {
  const servers = await Promise.all([startEmbedded(), startEmbedded(), startEmbedded()]);
  const ports = servers.map(({ url }) => new URL(url).port);
  expect(new Set(ports).size).toBe(3);
  await Promise.all(servers.map((server) => server.stop()));
});

test('a folder keeps its data, and its password is for the owner alone', async () => {
  await using folder = await temporaryFolder();
  const dir = join(folder.path, 'db');
  const first = await startEmbedded({ dir });
  await withAdmin(first.url, (client) => client.query('CREATE TABLE kept AS SELECT 42 AS n'));
  await first.stop();
  expect((await stat(join(dir, 'data', 'holdfast.password'))).mode & 0o777).toBe(0o600);
  await using second = await startEmbedded({ dir });
  const { rows } = await withAdmin(second.url, (client) => client.query('SELECT n FROM kept'));
  expect(rows).toEqual([{ n: 42 }]);
  const log = await readFile(join(dir, 'postgres.log'), 'utf8');
  expect(log).not.toContain(new URL(second.url).password);
});

test('who opens a folder where a server runs joins it, and leaves it running', async () => {
  await using folder = await temporaryFolder();
  const [one, two] = await Promise.all([
    startEmbedded({ dir: folder.path }),
    startEmbedded({ dir: folder.path }),
  ]);
  expect(one.url).toBe(two.url);
  await using three = await startEmbedded({ dir: folder.path });
  await three.stop();
  await withAdmin(one.url, (client) => client.query('SELECT 1'));
  await Promise.all([one.stop(), two.stop()]);
});

test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
  'after %s of its process nothing of a throw-away server is left, running or on disk',
  async (signal) => {
    const holder = await startHolder();
    process.kill(holder.pid, signal);
    await holder.exited;
    await waitFor(() => isGone(holder.postmaster), { what: 'the server to end' });
    await waitFor(async () => !(await exists(holder.dir)), { what: 'the folder to go' });
  },
);

test('a process that just ends, without stop, leaves nothing', async () => {
  const holder = await startHolder({ mode: 'leave' });
  await holder.exited;
  await waitFor(() => isGone(holder.postmaster), { what: 'the server to end' });
  await waitFor(async () => !(await exists(holder.dir)), { what: 'the folder to go' });
});

test('a folder whose server and process were killed opens again, data intact', async () => {
  await using folder = await temporaryFolder();
  const holder = await startHolder({ dir: folder.path });
  await withAdmin(holder.url, (client) => client.query('CREATE TABLE kept AS SELECT 42 AS n'));
  process.kill(holder.postmaster, 'SIGKILL');
  process.kill(holder.pid, 'SIGKILL');
  await holder.exited;
  await using server = await startEmbedded({ dir: folder.path });
  const { rows } = await withAdmin(server.url, (client) => client.query('SELECT n FROM kept'));
  expect(rows).toEqual([{ n: 42 }]);
});

test('a lock file whose process id now belongs to something else does not bar the folder', async () => {
  await using folder = await temporaryFolder();
  await (await startEmbedded({ dir: folder.path })).stop();
  const data = join(folder.path, 'data');
  const lines = [process.pid, '/proc/self/cwd', 0, 1, '', '127.0.0.1', '', 'ready'];
  const path = join(data, 'postmaster.pid');
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  const { utimes } = await import('node:fs/promises');
  await utimes(path, new Date(0), new Date(0));
  await using server = await startEmbedded({ dir: folder.path });
  expect((await readPostmasterFile(data))?.processId).not.toBe(process.pid);
  await withAdmin(server.url, (client) => client.query('SELECT 1'));
});

test('a folder with other files in it is refused and left as it was', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'letter.txt'), 'dear');
  await expect(startEmbedded({ dir: folder.path })).rejects.toMatchObject({
    code: 'HOLDFAST_INVALID_OPTION',
    subject: 'dir',
  });
  expect(await readdir(folder.path)).toEqual(['letter.txt']);
});

test('a setting that the server refuses is told in its own words', async () => {
  await expect(startEmbedded({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
    /did not start: .*shared_buffers.*plenty/s,
  );
});

test('a table without a schema goes to the public schema, not among Holdfast’s own', async () => {
  await using server = await startEmbedded();
  await using db = await connect({ url: server.url });
  await db.execute({ text: 'CREATE SCHEMA holdfast', values: [] });
  await db.execute({ text: 'CREATE TABLE mine (id INT8)', values: [] });
  const { rows } = await db.execute({
    text: "SELECT table_schema FROM information_schema.tables WHERE table_name = 'mine'",
    values: [],
  });
  expect(rows).toEqual([['public']]);
});
