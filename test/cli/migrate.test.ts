import { expect, test } from 'vitest';
import { createEmptyTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';

test('migrate up, status, down: says what it does, and down wants to be told twice', async () => {
  const { url } = await createEmptyTestDatabase();
  const env = { DATABASE_URL: url };
  const pods = await Promise.all([1, 2, 3].map(() => runCli(['migrate', 'up'], env)));
  expect(pods.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: '' }));
  const said = pods.map(({ stdout }) => stdout).join('');
  expect(said.match(/^applied holdfast 0001_sessions$/gm)).toHaveLength(1);

  const status = await runCli(['migrate', 'status'], env);
  expect(status.stdout).toMatch(/^holdfast 0001_sessions +applied +\d{4}-\d\d-\d\dT/m);

  const refused = await runCli(['migrate', 'down', '--to', '0'], env);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(/^holdfast: .*--allow-destructive.*\n$/);

  const down = await runCli(['migrate', 'down', '--to', '0', '--allow-destructive'], env);
  expect(down).toMatchObject({ code: 0, stderr: '' });
  expect(down.stdout).toMatch(/^took back holdfast 0001_sessions$/m);
});

test.each([
  { args: ['migrate'], code: 2 },
  { args: ['migrate', 'up', '--to', 'three', '--url', 'postgresql://127.0.0.1:1/x'], code: 2 },
  { args: ['migrate', 'down', '--url', 'postgresql://127.0.0.1:1/x'], code: 2 },
  { args: ['migrate', 'up', '--set', '/no/such/folder', '--url', 'postgresql://127.0.0.1:1/x'], code: 2 },
  { args: ['migrate', 'status'], code: 2 },
  { args: ['migrate', 'up', '--url', 'postgresql://127.0.0.1:1/x'], code: 1 },
])('what is wrong is one line and exit code $code: $args', async ({ args, code }) => {
  const result = await runCli(args, { DATABASE_URL: '', HOLDFAST_DATABASE_URL: '' });
  expect(result.stderr).toMatch(/^holdfast: [^\n]+\n$/);
  expect(result.stderr).not.toContain('    at ');
  expect(result.code).toBe(code);
});
