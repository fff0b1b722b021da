import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createEmptyTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';
import { writeInventory } from './support/fleet.ts';

const url = 'postgresql://nobody@127.0.0.1:1/none';
const noDatabase = { HOLDFAST_DATABASE_URL: '', DATABASE_URL: '' };
const provider = ['--machines-directory', '/nonexistent'];

test.each([
  [
    'without a database',
    ['initializer', ...provider, '--agent-api', 'http://127.0.0.1:1'],
    /which database\?/,
  ],
  ['without the API for its agents', ['initializer', '--url', url, ...provider], /--agent-api http/],
  [
    'without a folder for its machines',
    ['initializer', '--url', url, '--agent-api', 'http://127.0.0.1:1'],
    /--machines-directory/,
  ],
  ['with a provider that is none', ['janitor', '--url', url, '--provider', 'cloud'], /process, kubernetes/],
  ['with a wrong number', ['janitor', '--url', url, '--poll-interval-ms', 'soon'], /--poll-interval-ms/],
  ['with a wrong address', ['agent-api', '--url', url, '--listen', 'here'], /<host>:<port>/],
  [
    'with a wrong URL',
    ['recoverer', '--url', url, ...provider, '--agent-api', 'ftp://x'],
    /http:\/\/ or https:\/\//,
  ],
  [
    'with a path in a URL that is to be signed',
    ['recoverer', '--url', url, ...provider, '--agent-api', 'http://127.0.0.1:1/fleet'],
    /without a path/,
  ],
  [
    'with more than a timer can wait',
    ['janitor', '--url', url, '--sweep-interval-ms', '2147483648'],
    /2147483647/,
  ],
])('a component started %s is told so in one line, with exit code 2', async (_, args, message) => {
  const result = await runCli(['fleet', ...args], noDatabase);
  expect(result.stderr).toMatch(/^holdfast: [^\n]+\n$/);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(2);
});

test('an inventory that cannot be used is refused before anything starts, by demo and provisioner', async () => {
  await using inventory = await writeInventory([]);
  await writeFile(inventory.file, 'machines:\n  - name: a\n    cores: 4\n');
  const provisioner = ['fleet', 'provisioner', '--url', url, ...provider, '--inventory', inventory.file];
  for (const args of [provisioner, ['demo', '--inventory', inventory.file]]) {
    const result = await runCli(args);
    expect(result.stderr).toBe(`holdfast: ${inventory.file}:3:12: machines.0.cores: no such setting\n`);
    expect(result.stdout).toBe('');
    expect(result.code).toBe(1);
  }
  const missing = await runCli(['demo', '--inventory', join(inventory.file, 'none')]);
  expect(missing.stderr).toMatch(/^holdfast: [^\n]+\n$/);
});

test.each<[string, string, RegExp]>([
  ['no server at all', '', /^holdfast: which API server\? set KUBECONFIG to a file/],
  [
    'a file that is not there',
    '/nonexistent/config',
    /^holdfast: KUBECONFIG \(\/nonexistent\/config\) cannot be read: /,
  ],
  [
    'a file that says nothing',
    '/dev/null',
    /^holdfast: (which API server\?|KUBECONFIG \(\/dev\/null\) cannot be read: )/,
  ],
])('machines that are Pods with %s: one line', async (_, file, line) => {
  const args = ['fleet', 'initializer', '--url', url, '--provider', 'kubernetes'];
  const result = await runCli([...args, '--agent-api', 'http://127.0.0.1:1'], {
    ...noDatabase,
    KUBECONFIG: file,
    HOME: '/nonexistent',
    KUBERNETES_SERVICE_HOST: '',
  });
  expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(line)]);
  expect(result.stderr).toMatch(/^[^\n]+\n$/);
});

test('a variable that is empty counts as none, and one of a switch says true or false', async () => {
  const environment = {
    ...noDatabase,
    HOLDFAST_FLEET_LISTEN: '',
    HOLDFAST_POOL_MAX: '',
    HOLDFAST_DRIVER: '',
  };
  const start = (value: string) =>
    runCli(['fleet', 'agent-api'], { ...environment, HOLDFAST_FLEET_STOP_ON_STDIN_END: value });
  expect((await start('maybe')).stderr).toMatch(/HOLDFAST_FLEET_STOP_ON_STDIN_END: "maybe" is neither/);
  expect((await start('false')).stderr).toMatch(/which database\?/);
});

test('machines of a database without the schema: told what to run', async () => {
  const database = await createEmptyTestDatabase();
  const result = await runCli(['fleet', 'machines'], { HOLDFAST_DATABASE_URL: database.url });
  expect(result.stderr).toMatch(/^holdfast: [^\n]*holdfast migrate up\n$/);
  expect(result.code).toBe(1);
});

test('flags can be given by the environment', async () => {
  const environment = { ...noDatabase, HOLDFAST_DATABASE_URL: url, HOLDFAST_FLEET_LISTEN: 'here' };
  const result = await runCli(['fleet', 'agent-api'], environment);
  expect(result.stderr).toMatch(/HOLDFAST_FLEET_LISTEN/);
  expect(result.code).toBe(2);
});
