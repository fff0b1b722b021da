import { afterAll, beforeAll, expect, test } from 'vitest';
import { Resources } from '../../src/console/resources.ts';
import { connect, type Database, explain, history, type Session } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';
import { datasets, doors, FACES, fillConsole, upgrade } from '../support/console-fixture.ts';
import { createTestDatabase } from '../support/database.ts';

let db: Database;
let session: Session;
let resources: Resources;
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  session = await fillConsole(db);
  resources = new Resources(db, FACES);
});
afterAll(() => db?.close());

const BY = { author: 'ann', reason: 'because' };
const act = (id: string, args: Record<string, string>) => resources.actions.get(id)!.run(db, args, BY);

async function happened(target: string): Promise<string[]> {
  const events: string[] = [];
  for await (const { subject, event, cause } of history(db, target, { faces: [...FACES] }))
    events.push(`${subject} ${event}${cause === undefined ? '' : `: ${cause}`}`);
  return events;
}
interface TimelineEvent {
  readonly at: { readonly time: string };
  readonly subject: string;
  readonly event: string;
  readonly token: string | null;
  readonly cause: string | null;
}
const stateOf = async (target: string) => (await explain(db, target, { faces: [...FACES] })).findings;

// In this order: an action finds what those before it have left.
const actions: [id: string, args: Record<string, string>, said: string, target: string, inHistory: string][] =
  [
    [
      'release',
      { kind: 'Flash', target: 'n7' },
      'Flash of n7 is released',
      'n7',
      'Flash released: because (by ann)',
    ],
    [
      'retry-now',
      { kind: 'Flash', target: 'n8' },
      'Flash of n8 is released',
      'n8',
      'Flash released: because (by ann)',
    ],
    [
      'quarantine',
      { kind: 'Flash', target: 'n8' },
      'Flash of n8 is quarantined',
      'n8',
      'Flash paused: because (by ann)',
    ],
    ['pause-kind', { kind: 'Flash' }, 'Flash is paused', 'n7', 'Flash paused: because (by ann)'],
    ['resume-kind', { kind: 'Flash' }, 'Flash goes on', 'n7', 'Flash resumed: because (by ann)'],
    [
      'rerun',
      { operation: 'datasets:index', target: 'd3' },
      'index of d3 is READY',
      'd3',
      'datasets:index released: because (by ann)',
    ],
    [
      'rerun-group',
      { operation: 'datasets:index', message: 'no space left on device' },
      '2 of index are READY',
      'd2',
      'datasets:index released: because (by ann)',
    ],
    [
      'send-command',
      { queue: 'door', target: 'door-2', command: 'open', arguments: '{}' },
      'sent: command 1 of door-2',
      'door-2',
      'door:commands sent: open (1) by ann: because',
    ],
    [
      'cancel-command',
      { queue: 'door', target: 'door-2', number: '1' },
      'command 1 of door-2 is canceled',
      'door-2',
      'door:commands canceled: open (1): because (by ann)',
    ],
    [
      'skip-transition',
      { workflow: 'upgrade', target: 'n7' },
      'upgrade of n7 goes on',
      'n7',
      'upgrade skipped: now drained, because (by ann)',
    ],
    [
      'retry-transition',
      { workflow: 'upgrade', target: 'n7' },
      'upgrade of n7 goes on',
      'n7',
      'upgrade retried: now drained, because (by ann)',
    ],
    [
      'force-state',
      { workflow: 'upgrade', target: 'n7', state: 'flashed' },
      'upgrade of n7 is in flashed',
      'n7',
      'upgrade forced: now flashed, because (by ann)',
    ],
    [
      'cancel-workflow',
      { workflow: 'upgrade', target: 'n7' },
      'upgrade of n7 is told to end',
      'n7',
      'upgrade canceled: now flashed, because (by ann)',
    ],
  ];

test('every action that there is is tried here', () => {
  expect([...resources.actions.keys()].sort()).toEqual(actions.map(([id]) => id).sort());
});

test.each(actions)(
  '%s does it, and is in the history with author and reason',
  async (id, args, said, target, line) => {
    expect(await act(id, args)).toBe(said);
    expect(await happened(target)).toContain(line);
  },
);

test('what was done is so: quarantined is not claimed, released is, and workers go on', async () => {
  expect(await stateOf('n8')).toContainEqual(
    expect.objectContaining({ state: 'stuck', reason: 'quarantined', subject: 'Flash' }),
  );
  const claim = (...targets: string[]) =>
    session.claim({ kind: 'Flash', candidates: () => targets }, { wanted: 2 });
  expect((await claim('n7', 'n8')).map(({ target }) => target)).toEqual(['n7']);
  expect((await datasets.status(db, 'd1')).map(({ state }) => state)).toEqual(['READY', 'READY']);
  for (const instance of await session.claim(upgrade.source(), { wanted: 5 }))
    await upgrade.run(instance, {});
  expect((await upgrade.status(db, 'n7'))?.state).toBe('failed');
});

test('what a live session holds is left alone, and said; what has no policy is never quarantined', async () => {
  const [held] = await session.claim({ kind: 'Flash', candidates: () => ['n11'] });
  expect(await act('quarantine', { kind: 'Flash', target: 'n11' })).toBe(
    'a live session holds Flash of n11: try again when it has ended',
  );
  expect(await act('release', { kind: 'Flash', target: 'n11' })).toContain('a live session holds it');
  await held!.finish();
  await expect(act('quarantine', { kind: 'Initialize', target: 'n9' })).rejects.toThrow(
    'kind: Initialize has no quarantineAfter, so nothing of it is ever quarantined',
  );
});

test.each([
  ['send-command', { queue: 'nothing', target: 'a', command: 'open' }, 'queue: there is no queue "nothing"'],
  [
    'send-command',
    { queue: 'door', target: 'a', command: 'open', arguments: '[1]' },
    'arguments: expected a JSON object',
  ],
  ['send-command', { queue: 'door', target: 'a', command: 'burn' }, 'burn'],
  ['cancel-command', { queue: 'door', target: 'a', number: 'one' }, 'number: expected a whole number'],
  ['force-state', { workflow: 'upgrade', target: 'n10', state: 'gone' }, '"gone" is none: there are drained'],
  ['skip-transition', { workflow: 'upgrade', target: 'n10' }, 'nothing is in flight for n10'],
  ['retry-transition', { workflow: 'upgrade', target: 'nobody' }, 'nobody'],
  ['rerun', { operation: 'nonsense', target: 'a' }, 'has no pipeline'],
])('%s of %o is refused in one line', async (id, args, line) => {
  await expect(act(id, args)).rejects.toThrow(line);
});

async function wholeTimeline(target: string): Promise<readonly TimelineEvent[]> {
  const seen: TimelineEvent[] = [];
  let from = '';
  for (;;) {
    const { data } = await resources.read(`timeline?name=${target}${from && `&from=${from}`}`);
    const { events, next } = data as { events: TimelineEvent[]; next: string | null };
    seen.push(...events);
    if (next === null) return seen;
    from = encodeURIComponent(next);
  }
}

test('a time line is read page by page, the newest first, without a gap or a line twice', async () => {
  for (let i = 0; i < 130; i++) {
    const [work] = await session.claim({ kind: i % 3 ? 'Poll' : 'Probe', candidates: () => ['busy'] });
    await work!.finish();
    if (i % 10 === 0) await doors.send(db, 'busy', 'open', {}, { author: `ann ${i}` });
  }
  await datasets.error(db, 'busy', 'index', 'late');
  const events = await wholeTimeline('busy');
  const seen = events.map(
    ({ at, subject, event, token, cause }) => `${subject} ${event} ${token ?? cause ?? at.time}`,
  );
  const times = events.map(({ at }) => at.time);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((line) => / finished /.test(line))).toHaveLength(130);
  expect(seen.filter((line) => / sent /.test(line))).toHaveLength(13);
  expect(times).toEqual([...times].sort().reverse());
});

test('what happened in one moment is in a time line once, however much it is', async () => {
  const operations = Array.from({ length: 60 }, (_, i) => `stage${i}`);
  await definePipeline({ name: 'wide', operations }).enable(db, 'wide', operations);
  const created = (await wholeTimeline('wide')).filter(({ event }) => event === 'created');
  expect(created.map(({ subject }) => subject).sort()).toEqual(operations.map((one) => `wide:${one}`).sort());
});

test('a list is read page by page without a gap or a row twice', async () => {
  const seen: unknown[] = [];
  let after = '';
  for (;;) {
    const { data } = await resources.read(`lists/targets?target=done-${after && `&after=${after}`}`);
    const { rows, next } = data as { rows: { values: { target: string } }[]; next: string | null };
    seen.push(...rows.map(({ values }) => values.target));
    if (next === null) break;
    after = next;
  }
  expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => `done-${String(i).padStart(3, '0')}`));
});
