import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';

test('holdfast operations lists, reports and runs again', async () => {
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  const pipeline = definePipeline({ name: 'data_sets', operations: ['index', 'backup'] });
  // A pipeline whose name begins alike, or matches as a pattern, is another one.
  await definePipeline({ name: 'dataXsets', operations: ['index'] }).enable(db, 'x', ['index']);
  await pipeline.error(db, 'd1', 'index', 'no such\nfile');
  await pipeline.error(db, 'd2', 'index', 'no such\nfile');
  await pipeline.enable(db, 'd1', ['backup']);
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(['operations', ...args], { DATABASE_URL: url });
    return { code, stdout: stdout.replace(/\d{4}-\S+Z/g, 'TIME').replace(/ +/g, ' '), stderr };
  };
  expect((await said('list', 'data_sets')).stdout).toBe(
    [
      'TARGET OPERATION STATE ATTEMPTS CHANGED MESSAGE',
      'd1 backup READY 0 TIME',
      'd1 index FAILED 0 TIME no such file',
      'd2 index FAILED 0 TIME no such file\n',
    ].join('\n'),
  );
  expect((await said('list', 'data_sets', '--state', 'READY', '--json')).stdout).toMatch(
    /^\{"target":"d1",.*"state":"READY".*\}\n$/,
  );
  expect((await said('report', 'data_sets')).stdout).toBe(
    [
      'OPERATION STATE COUNT',
      'backup READY 1',
      'index FAILED 2',
      '',
      'FAILED COUNT EXAMPLE MESSAGE',
      'index 2 d1 no such file\n',
    ].join('\n'),
  );
  expect(await said('rerun', 'data_sets', '--state', 'FAILED', '--target', 'd2', 'd3')).toMatchObject({
    code: 0,
    stdout: 'enabled 1\n',
  });
  expect(await pipeline.next(db, 'index', 10)).toEqual(['d2']);
});

test.each([
  [['list', 'nothing'], 'there is no operation of a pipeline "nothing"'],
  [['list', 'p', '--state', 'DONE'], '--state DONE: use one of READY, WORKING, OK, WARNING, FAILED'],
  [['rerun', 'p'], 'say which operations'],
  [['list', 'p', '--since', 'yesterday'], '--since yesterday: expected a time'],
])('what is wrong with %j is one line and exit code 2', async (args, why) => {
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  await definePipeline({ name: 'p', operations: ['a'] }).enable(db, 't', ['a']);
  const { code, stderr, stdout } = await runCli(['operations', ...args], { DATABASE_URL: url });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(why)]);
});
