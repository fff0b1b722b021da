import { expect, test } from 'vitest';
import { runCli } from '../support/run-cli.ts';

test('--help and --version succeed', async () => {
  const [help, version] = await Promise.all([runCli(['--help']), runCli(['--version'])]);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('Usage: holdfast');
  expect(version).toMatchObject({ code: 0, stderr: '' });
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([{ args: [] }, { args: ['no-such-command'] }, { args: ['--no-such-option'] }])(
  'wrong usage is one line on stderr and exit code 2: $args',
  async ({ args }) => {
    const result = await runCli(args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/^holdfast: [^\n]+\n$/);
    expect(result.stderr).not.toContain('    at ');
  },
);

test.each([
  { args: ['migrate', 'up', 'postgresql://u:sesame@h/d'] },
  { args: ['migrate', 'up', '--uri=postgresql://u:sesame@open@h/d'] },
  { args: ['fleet', 'postgresql://u:sesame@h/d'] },
])('a URL in the wrong place is not told with its password: $args', async ({ args }) => {
  const result = await runCli([...args, '--debug']);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain('postgresql://u:***@h/d');
  expect(result.stdout + result.stderr).not.toMatch(/sesame|open/);
});
