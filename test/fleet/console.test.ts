import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTestDatabase, waitFor } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';
import { startComponent } from './support/component-process.ts';

test("the fleet's console asks for its token, shows the machines, is ready apart from it, and drains with a page open", async () => {
  const { url } = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-token-'));
  const token = 'a token of more than sixteen';
  await writeFile(join(folder, 'token'), token);
  const flags = ['--pages', '0.0.0.0:0', '--token-file', join(folder, 'token'), '--metrics', '127.0.0.1:0'];
  await using child = startComponent('console', flags, url);
  const { url: listening, actions } = await child.said('listening');
  const { health } = await child.said('started');
  const at = `http://127.0.0.1:${new URL(String(listening)).port}`;
  const headers = { authorization: `Bearer ${token}` };
  expect(actions).toBe(false);

  await waitFor(async () => (await fetch(`${health}/readyz`)).status === 200);
  expect((await fetch(`${health}/livez`)).status).toBe(200);
  expect((await fetch(`${at}/api/lists/machines`)).status).toBe(401);
  expect(await (await fetch(`${at}/api/lists/machines`, { headers })).json()).toEqual({
    rows: [],
    next: null,
  });
  // Probes ask where nobody else comes, so nothing that asks the database is open to all.
  for (const path of ['/livez', '/readyz'])
    expect((await fetch(`${at}${path}`, { redirect: 'manual' })).headers.get('location')).toMatch(/^\/login/);

  const live = await fetch(`${at}/api/live/overview`, { headers });
  const reading = live.text();
  expect(await child.end('SIGTERM')).toBe(0);
  expect(await reading).toContain('retry:');
  await rm(folder, { recursive: true, force: true });
});

test('what it is told wrongly is one line', async () => {
  const { url } = await createTestDatabase();
  const told = async (...args: string[]) => {
    const { code, stderr } = await runCli(['fleet', 'console', '--log-level', 'silent', ...args], {
      HOLDFAST_DATABASE_URL: url,
    });
    return [code, stderr];
  };
  expect(await told('--pages', '0.0.0.0:0')).toEqual([
    2,
    'holdfast: host: 0.0.0.0 is reached by others: give a token, or the header of a proxy\n',
  ]);
  expect(await told('--token-file', '/dev/null')).toEqual([
    2,
    'holdfast: tokenFile: /dev/null is empty: write one of 16 characters or more into it\n',
  ]);
  const taken = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  expect(await told('--pages', `127.0.0.1:${port}`)).toEqual([
    1,
    `holdfast: cannot listen on 127.0.0.1:${port}: another process uses it; name another address with --pages\n`,
  ]);
  taken.close();
});
