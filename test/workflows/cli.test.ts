import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { runUntilQuiet } from '../../src/testing/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';
import { rows } from '../support/sql.ts';
import { defineUnit } from './support.ts';

test('holdfast workflows lists, shows, describes and resolves', async () => {
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  const unit = defineUnit('unit');
  await unit.publish(db);
  for (const target of ['u1', 'u2']) await unit.start(db, target, { variables: { charm: 'mysql' } });
  await runUntilQuiet(db, unit, 'u1', {});
  await rows(
    db,
    "UPDATE holdfast.workflow SET in_flight = 'gone', arguments = '{}', attempt = 1, stuck = 'no such transition', due_at = NULL WHERE target = 'u2'",
  );
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(['workflows', ...args], { DATABASE_URL: url });
    return { code, stdout: stdout.replace(/\d{4}-\S+Z/g, 'TIME').replace(/ +/g, ' '), stderr };
  };
  expect((await said('list')).stdout).toBe('WORKFLOW\nunit\n');
  expect((await said('list', 'unit')).stdout).toBe(
    [
      'TARGET VERSION STATE IN FLIGHT SINCE CONDITION',
      'u1 1 started TIME waits',
      'u2 1 (initial) gone TIME stuck: no such transition\n',
    ].join('\n'),
  );
  expect((await said('list', 'unit', '--stuck', '--json')).stdout).toMatch(
    /^\{"workflow":"unit","target":"u2".*\}\n$/,
  );
  expect((await said('show', 'unit', 'u1')).stdout).toBe(
    [
      'unit of u1: started, waits',
      'version 1, started TIME',
      'variables {}',
      '',
      'AT INTENT EVENT TRANSITION ATTEMPT STATE MESSAGE',
      'TIME 0 started 0',
      'TIME 1 fired install 1',
      'TIME 1 done install 1 installed',
      'TIME 2 fired start 1 installed',
      'TIME 2 done start 1 started\n',
    ].join('\n'),
  );
  expect((await said('describe', 'unit')).stdout).toBe(unit.describe().replace(/ +/g, ' '));
  expect((await said('describe', 'unit', '--format', 'dot')).stdout).toMatch(/^digraph "unit" \{/);
  expect(await said('resolve', 'unit', 'u2', '--force', 'started', '--cause', 'by hand')).toMatchObject({
    code: 0,
    stdout: 'resolved unit of u2\n',
  });
  expect(await unit.status(db, 'u2')).toMatchObject({
    state: 'started',
    inFlight: undefined,
    stuck: undefined,
  });
  for (const [args, why] of [
    [['list', 'nothing'], 'there is no workflow "nothing"; there are unit'],
    [['show', 'unit', 'u3'], 'there is no unit of u3'],
    [['describe', 'unit', '--format', 'svg'], '--format svg: use mermaid or dot'],
    [['describe', 'nothing'], 'no program has written nothing down: runLoop and publish do'],
    [['resolve', 'unit', 'u2', '--cause', 'x'], 'say one of --retry, --skip and --force STATE'],
    [
      ['resolve', 'unit', 'u2', '--force', 'strated', '--cause', 'x'],
      '--force strated: there are installed,',
    ],
    [['list', 'unit', '--of-version', 'x'], '--of-version x: expected a whole number from 1'],
  ] as const) {
    const { code, stderr, stdout } = await said(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(why)]);
  }
});
