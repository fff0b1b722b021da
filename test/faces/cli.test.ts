import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database, type Session } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';

let url: string;
let db: Database;
let session: Session;
beforeAll(async () => {
  ({ url } = await createTestDatabase());
  db = await connect({ url });
  session = await db.startSession({ component: 'upgrader', instance: 'n7', intervalMs: 600_000 });
});
afterAll(() => db?.close());

async function said(...args: string[]) {
  const { code, stdout, stderr } = await runCli(args, { DATABASE_URL: url });
  const lines = stdout
    .replace(/\d{4}-\S+Z/g, 'TIME')
    .replace(/\d\d:\d\d:\d\d UTC/g, 'TIME')
    .replace(/\d{4}-\d\d-\d\d TIME/g, 'TIME')
    .replace(/since \d+ s/g, 'since TIME')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'SESSION')
    .replace(/\d{10,}/g, 'TOKEN')
    .replace(/ +/g, ' ');
  return { code, stderr, lines: lines.trimEnd().split('\n') };
}
const claim = async (kind: string, target: string) =>
  (await session.claim({ kind, candidates: () => [target] }))[0]!;

test('explain says the verdict, then every finding and every fact; exit code 0 when it goes on', async () => {
  await claim('Upgrade', 'held');
  expect(await said('explain', 'held')).toEqual({
    code: 0,
    stderr: '',
    lines: [
      'held by upgrader on n7 since TIME, its session is alive until TIME',
      '',
      'work',
      'KIND STATE TOKEN HOLDER SESSION STARTED DEADLINE',
      'Upgrade held TOKEN upgrader on n7 SESSION TIME TIME',
    ],
  });
});

test('exit code 3 when it is stuck; JSON has all of it', async () => {
  const pipeline = definePipeline({ name: 'sets', operations: ['index', 'backup'] });
  await pipeline.error(db, 'd1', 'index', `no such\nfile ${'x'.repeat(1_000)}`);
  await pipeline.enable(db, 'd1', ['backup']);
  const { code, lines } = await said('explain', 'd1', '--component', 'upgrader');
  expect(code).toBe(3);
  expect(lines[0]).toMatch(/^sets:index: FAILED: no such file x+\.\.\.$/);
  expect(lines.slice(2, 3)).toEqual([
    ' progressing sets:backup: nothing holds it back: it waits for one of 1 live session of upgrader',
  ]);
  expect(lines.at(-2)).toMatch(/^sets:backup READY 1 0 0 TIME TIME$/);
  const json = await runCli(['explain', 'd1', '--json'], { DATABASE_URL: url });
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject({
    target: 'd1',
    state: 'stuck',
    findings: [
      { reason: 'unattended', subject: 'sets:backup' },
      { reason: 'failed', subject: 'sets:index' },
    ],
    facts: [
      { face: 'work' },
      { face: 'operations', rows: [{}, { message: expect.stringMatching(/x{1000}$/) }] },
    ],
  });
});

test('explain takes exclusion keys', async () => {
  const [work] = await session.claim({
    kind: 'Upgrade',
    candidates: () => [{ target: 'p1', exclude: [{ group: 'feed', key: 'B' }] }],
  });
  await (await claim('Upgrade', 'p2')).cancel();
  expect((await said('explain', 'p2', '--exclude', 'feed=B')).lines[0]).toMatch(
    /^waits for key B of group "feed", held/,
  );
  await work!.finish();
});

test('history prints a line an event; JSON has all of it', async () => {
  const work = await claim('Upgrade', 'told');
  await work.fail('no\nanswer');
  await db.kinds.release('Upgrade', 'told', 'cable replaced');
  expect(await said('history', 'told')).toEqual({
    code: 0,
    stderr: '',
    lines: [
      'TIME Upgrade started token TOKEN, session SESSION',
      'TIME Upgrade failed: no answer token TOKEN, session SESSION',
      'TIME Upgrade released: cable replaced',
    ],
  });
  const { stdout } = await runCli(['history', 'told', '--json'], { DATABASE_URL: url });
  expect(JSON.parse(stdout.split('\n')[1]!)).toMatchObject({
    subject: 'Upgrade',
    event: 'failed',
    cause: 'no\nanswer',
    token: Number(work.token),
  });
});

test.each([
  [['explain', 'nobody'], 'nothing is known of nobody'],
  [['explain', 'nobody', '--json'], 'nothing is known of nobody'],
  [['history', 'nobody'], 'nothing is known of nobody'],
  [['explain'], "missing required argument 'target'"],
  [['explain', ''], 'target: expected a text'],
  [['explain', 'p2', '--exclude', 'B'], 'GROUP=KEY is wanted'],
])('what is wrong with %j is one line and exit code 2', async (args, why) => {
  const { code, stderr, stdout } = await runCli(args, { DATABASE_URL: url });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(why)]);
});
