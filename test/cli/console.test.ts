import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let url: string;
beforeAll(async () => {
  ({ url } = await createTestDatabase());
});

test('holdfast console says where it is, answers, only reads, and ends at once with a page still open', async () => {
  const env = { ...process.env, DATABASE_URL: url, HOLDFAST_DATABASE_URL: '', HOLDFAST_CONSOLE_TOKEN: '' };
  const child = spawn(process.execPath, [main, 'console', '--port', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const [, address] = /^the console is at (http:\/\/127\.0\.0\.1:\d+), and only reads; Ctrl-C ends$/.exec(
    line,
  )!;
  expect((await fetch(`${address}/`)).status).toBe(200);
  const { actions, lists } = (await (await fetch(`${address}/api/console`)).json()) as {
    actions: unknown[];
    lists: { face: string }[];
  };
  expect(actions).toEqual([]);
  expect([...new Set(lists.map(({ face }) => face))]).toEqual([
    'work',
    'operations',
    'commands',
    'workflows',
    'repositories',
  ]);
  const live = await fetch(`${address}/api/live/overview`);
  let text = '';
  for await (const chunk of live.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('event: data')) child.kill('SIGTERM');
  }
  expect(text).toContain('event: data');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test.each([
  [
    ['--host', '0.0.0.0'],
    2,
    /^holdfast: host: 0\.0\.0\.0 is reached by others: give a token, or the header of a proxy\n$/,
  ],
  [['--token', 'short'], 2, /^holdfast: token: .*16 characters\n$/],
  [
    ['--token-file', '/nonexistent/token'],
    2,
    /^holdfast: tokenFile: \/nonexistent\/token cannot be read: there is no such file\n$/,
  ],
  [
    ['--token-file', '/dev/null'],
    2,
    /^holdfast: tokenFile: \/dev\/null is empty: write one of 16 characters or more into it\n$/,
  ],
  [['--port', '70000'], 2, /^holdfast: .*0 to 65535/],
  [['--user-header', 'a b'], 2, /^holdfast: userHeader: /],
  [['--base-url', 'here'], 2, /^holdfast: baseUrl: /],
])('%s is refused in one line', async (args, code, line) => {
  const got = await runCli(['console', ...args], { DATABASE_URL: url });
  expect([got.code, got.stderr]).toEqual([code, expect.stringMatching(line)]);
});
