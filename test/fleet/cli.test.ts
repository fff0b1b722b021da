import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
  ['with a wrong number', ['janitor', '--url', url, '--poll-interval-ms', 'soon'], /--poll-interval-ms/],
  ['with a wrong address', ['agent-api', '--url', url, '--listen', 'here'], /<host>:<port>/],
  [
    'with a wrong URL',
    ['recoverer', '--url', url, ...provider, '--agent-api', 'ftp://x'],
    /http:\/\/ or https:\/\//,
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

test('flags can be given by the environment', async () => {
  const environment = { ...noDatabase, HOLDFAST_DATABASE_URL: url, HOLDFAST_FLEET_LISTEN: 'here' };
  const result = await runCli(['fleet', 'agent-api'], environment);
  expect(result.stderr).toMatch(/HOLDFAST_FLEET_LISTEN/);
  expect(result.code).toBe(2);
});
