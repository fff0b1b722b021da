import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listenForConsole } from '../../src/console/index.ts';
import { connect, type Database } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';

const OLD = 'the old token of the console';
const NEW = 'the new token of the console';

let db: Database;
let folder: string;
let file: string;
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  folder = await mkdtemp(join(os.tmpdir(), 'holdfast-token-'));
  file = join(folder, 'token');
});
afterAll(async () => {
  await db?.close();
  await rm(folder, { recursive: true, force: true });
});

/** As a mounted Secret changes: the new file takes the place of the old one. */
async function change(text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

test('a token is read from its file, and another one ends every login, without a restart', async () => {
  await change(`${OLD}\n`);
  const told: unknown[] = [];
  await using server = await listenForConsole(
    { db, tokenFile: file, onError: (error) => told.push(error) },
    { host: '0.0.0.0' },
  );
  const at = `http://127.0.0.1:${new URL(server.url).port}`;
  const bearer = async (token: string) =>
    (await fetch(`${at}/api/console`, { headers: { authorization: `Bearer ${token}` } })).status;
  const login = async (token: string) => {
    const body = new URLSearchParams({ token });
    const answer = await fetch(`${at}/login`, {
      method: 'POST',
      body,
      headers: { origin: at },
      redirect: 'manual',
    });
    return answer.headers.get('set-cookie')?.split(';')[0];
  };
  const see = async (cookie: string | undefined) =>
    (await fetch(`${at}/api/console`, { headers: { cookie: cookie ?? '' } })).status;

  expect([await bearer(OLD), await bearer(NEW), await login(NEW)]).toEqual([200, 401, undefined]);
  const before = await login(OLD);
  expect(await see(before)).toBe(200);

  await change(NEW);
  expect([await bearer(OLD), await bearer(NEW), await login(OLD)]).toEqual([401, 200, undefined]);
  expect(await see(before)).toBe(401);
  expect(await see(await login(NEW))).toBe(200);

  // What cannot be read lets nobody in, and tells those who ask nothing of where it is.
  await change('short');
  const refused = await fetch(`${at}/api/console`, { headers: { authorization: 'Bearer short' } });
  expect([refused.status, await refused.json()]).toEqual([
    500,
    { error: 'the console failed; its log says why' },
  ]);
  expect(String(told[0])).toBe(
    `Error: ${file} has a token of 5 characters: write one of 16 characters or more into it`,
  );
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['missing', () => rm(file, { force: true }), /token cannot be read: there is no such file$/],
  ['empty', () => change('\n'), /token is empty: write one of 16 characters or more into it$/],
  ['too short', () => change('123456789012345'), /token has a token of 15 characters: write one of 16 /],
])('a file that is %s is refused before anything listens', async (_, make, line) => {
  await make();
  await expect(listenForConsole({ db, tokenFile: file })).rejects.toMatchObject({
    code: 'HOLDFAST_INVALID_OPTION',
    message: expect.stringMatching(line),
  });
});

test('a token and a file with one are one too many', async () => {
  await change(OLD);
  await chmod(file, 0o400);
  await expect(listenForConsole({ db, token: NEW, tokenFile: file })).rejects.toThrow(
    'tokenFile: give the token or a file with it, not both',
  );
});

test('a process whose user has no name, as in a container, acts under its number', async () => {
  // It stands in for the system, which says so of a number that is in no list of users.
  const { userInfo } = os;
  os.userInfo = () => {
    throw Object.assign(new Error('uv_os_get_passwd returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' });
  };
  syncBuiltinESMExports();
  try {
    await using server = await listenForConsole({ db });
    const { author } = (await (await fetch(`${server.url}/api/console`)).json()) as { author: string };
    expect(author).toBe(`uid ${process.getuid!()}`);
  } finally {
    os.userInfo = userInfo;
    syncBuiltinESMExports();
  }
});
