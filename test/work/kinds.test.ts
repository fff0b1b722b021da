import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  activeWork,
  type Candidate,
  connect,
  type Database,
  MisuseError,
  quarantinedWork,
  runJanitor,
  type Session,
  workHistory,
} from '../../src/index.ts';
import { claimMany, claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';
import { rows } from '../support/sql.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    const database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    session = await db.startSession({ component: 'test', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());

  const take = (kind: string, target = 't') => claimOne(session, kind, () => [target]);
  const events = async (target: string) => (await workHistory(db, { target })).map(({ event }) => event);
  const due = (kind: string) =>
    rows(db, "UPDATE holdfast.work SET not_before = now() - INTERVAL '1 s' WHERE kind = $1", kind);
  /** A session claims the first of the candidates and dies. */
  const abandon = async (kind: string, candidates: readonly Candidate[]) => {
    const victim = await db.startSession({ component: 'victim', intervalMs: 600_000 });
    const { token } = (await claimOne(victim, kind, () => candidates))!;
    const past =
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1";
    const { startedAt } = (await activeWork(db)).find(
      (work) => work.sessionId === victim.id && work.kind === kind,
    )!;
    await rows(db, past, victim.id);
    return { token, startedAt };
  };
  const unavailable = async (kind: string) =>
    (await rows(db, 'SELECT target FROM holdfast.unavailable_work WHERE kind = $1', kind)).flat();

  test('parked until a time, work is not claimable before it, and its failures and backoff stay', async () => {
    await (await take('park', 'p1'))!.fail('first', { backoff: { initialMs: 7_000 } });
    await due('park');
    await (await take('park', 'p1'))!.park({ ms: 60_000 });
    expect(await take('park', 'p1')).toBeUndefined();
    expect(await unavailable('park')).toEqual(['p1']);
    await due('park');
    const work = (await take('park', 'p1'))!;
    expect(work.failures).toBe(1);
    await work.park(new Date(Date.now() - 1_000));
    expect(await take('park', 'p1')).toMatchObject({ target: 'p1' });
    expect(await events('p1')).toEqual([
      'started',
      'failed',
      'started',
      'parked',
      'started',
      'parked',
      'started',
    ]);
  });

  test('parked without a time, work waits until it is woken', async () => {
    const works = await claimMany(session, 'wake', 3, () => ['w1', 'w2', 'w3']);
    await session.park(works);
    expect(await take('wake', 'w1')).toBeUndefined();
    expect(await db.kinds.wake('wake', ['w1', 'w3', 'nobody'])).toBe(2);
    const again = await claimMany(session, 'wake', 3, () => ['w1', 'w2', 'w3']);
    expect(again.map(({ target }) => target)).toEqual(['w1', 'w3']);
  });

  test('woken while it was held, work that is parked is claimable at once, and the next park lasts', async () => {
    const work = (await take('woken'))!;
    expect(await db.kinds.wake('woken', ['t'])).toBe(1);
    await work.park();
    const again = (await take('woken'))!;
    expect(again.token).toBe(work.token + 1n);
    await again.park();
    expect(await take('woken')).toBeUndefined();
  });

  test('a target that failed so many times in a row is quarantined until an operator releases it', async () => {
    await db.kinds.set('poor', { quarantineAfter: 2 });
    await (await take('poor', 'q1'))!.fail('broken fan');
    await due('poor');
    const second = (await take('poor', 'q1'))!;
    expect(second.failures).toBe(1);
    await second.fail('broken fan again');
    await due('poor');
    expect(await take('poor', 'q1')).toBeUndefined();
    expect(await unavailable('poor')).toEqual(['q1']);
    expect(await quarantinedWork(db)).toMatchObject([
      { kind: 'poor', target: 'q1', failures: 2n, cause: 'broken fan again' },
    ]);
    expect(await db.kinds.release('poor', 'q1', 'fan replaced')).toBe(true);
    expect(await db.kinds.release('poor', 'nothing', 'x')).toBe(false);
    expect(await quarantinedWork(db)).toEqual([]);
    const third = (await take('poor', 'q1'))!;
    expect(third.failures).toBe(0);
    await third.finish();
    expect(await workHistory(db, { target: 'q1' })).toMatchObject([
      { event: 'started' },
      { event: 'failed' },
      { event: 'started' },
      { event: 'failed' },
      { event: 'released', cause: 'fan replaced', sessionId: null, token: null },
      { event: 'started' },
      { event: 'finished' },
    ]);
  });

  test('a target that kills its workers is tried less and less often, and is quarantined then', async () => {
    await db.kinds.set('deadly', { quarantineAfter: 3 });
    const long = () =>
      rows(
        db,
        "UPDATE holdfast.work SET started_at = started_at - INTERVAL '10 minutes' WHERE kind = 'deadly'",
      );
    const die = async () => {
      const victim = await db.startSession({ component: 'victim', intervalMs: 600_000 });
      const work = await claimOne(victim, 'deadly', () => ['d']);
      await rows(
        db,
        "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
        victim.id,
      );
      return work?.failures;
    };
    expect(await die()).toBe(0);
    // The first death is taken over at once.
    expect(await die()).toBe(1);
    // The second waits: it was begun too short a while ago.
    expect(await take('deadly', 'd')).toBeUndefined();
    await long();
    expect(await die()).toBe(2);
    await long();
    expect(await take('deadly', 'd')).toBeUndefined();
    expect(await quarantinedWork(db)).toMatchObject([
      { kind: 'deadly', target: 'd', failures: 3n, cause: 'abandoned' },
    ]);
    expect(await db.kinds.release('deadly', 'd', 'harmless now')).toBe(true);
    const work = (await take('deadly', 'd'))!;
    await work.finish();
    expect((await events('d')).filter((event) => event === 'abandoned')).toHaveLength(3);
  });

  test('a target that was abandoned again is unavailable until it is claimable', async () => {
    const long =
      "UPDATE holdfast.work SET started_at = started_at - INTERVAL '10 minutes' WHERE kind = 'again'";
    await abandon('again', ['a']);
    expect(await unavailable('again')).toEqual([]);
    await abandon('again', ['a']);
    expect(await take('again', 'a')).toBeUndefined();
    expect(await unavailable('again')).toEqual(['a']);
    await rows(db, long);
    expect(await unavailable('again')).toEqual([]);
    expect(await take('again', 'a')).toMatchObject({ target: 'a', failures: 2 });
  });

  test('released, a target whose holder died is claimable at once, and its history stays true', async () => {
    await db.kinds.set('fragile', { quarantineAfter: 1 });
    const dead = await abandon('fragile', ['f']);
    expect(await quarantinedWork(db)).toMatchObject([{ kind: 'fragile', target: 'f', cause: 'abandoned' }]);
    expect(await db.kinds.release('fragile', 'f', 'mended')).toBe(true);
    expect(await quarantinedWork(db)).toEqual([]);
    const work = (await take('fragile', 'f'))!;
    expect([work.failures, work.token]).toEqual([0, dead.token + 1n]);
    const history = await workHistory(db, { target: 'f' });
    expect(history.map(({ event }) => event)).toEqual(['started', 'abandoned', 'released', 'started']);
    expect(history[0]!.at).toEqual(dead.startedAt);
  });

  test('a key of an exclusion group does not back off, no matter who dies with it', async () => {
    await using janitor = runJanitor(db, { intervalMs: 3_600_000 });
    for (const target of ['e1', 'e2', 'e3', 'e4']) {
      await abandon('share', [{ target, exclude: [{ group: 'feed', key: 'left' }] }]);
      await janitor.sweep();
    }
    const group = "SELECT failures, not_before, backoff_cause FROM holdfast.work WHERE kind = 'group:feed'";
    expect(await rows(db, group)).toEqual([[null, null, null]]);
    const free = await claimOne(session, 'share', () => [
      { target: 'e5', exclude: [{ group: 'feed', key: 'left' }] },
    ]);
    expect(free).toMatchObject({ target: 'e5' });
  });

  test('of a kind that is paused nothing is claimed, what is held goes on, and both are in the history', async () => {
    const held = (await take('halt', 'h1'))!;
    expect(await db.kinds.pause('halt', 'maintenance')).toBe(true);
    expect(await db.kinds.pause('halt', 'again')).toBe(false);
    expect(await take('halt', 'h2')).toBeUndefined();
    await held.finish();
    expect(await take('halt', 'h1')).toBeUndefined();
    expect(await db.kinds.resume('halt', 'done')).toBe(true);
    expect(await db.kinds.resume('halt', 'done')).toBe(false);
    expect(await take('halt', 'h2')).toMatchObject({ target: 'h2' });
    const history = "SELECT event, cause FROM holdfast.intervention WHERE kind = 'halt' ORDER BY at";
    expect(await rows(db, history)).toEqual([
      ['paused', 'maintenance'],
      ['resumed', 'done'],
    ]);
  });

  test('a kind that keeps no history of what finished keeps that of what failed', async () => {
    await db.kinds.set('terse', { keepFinished: false });
    await (await take('terse', 'k1'))!.finish();
    await (await take('terse', 'k2'))!.fail('no');
    expect([await events('k1'), await events('k2')]).toEqual([[], ['started', 'failed']]);
  });

  test('tokens of a target do not fall when its row was deleted, and it can be ended', async () => {
    const first = (await take('gone', 'g'))!;
    await first.finish();
    await rows(db, "DELETE FROM holdfast.work WHERE target = 'g'");
    const second = (await take('gone', 'g'))!;
    expect(second.token).toBeGreaterThanOrEqual(first.token);
    await second.fail('x');
    await due('gone');
    await (await take('gone', 'g'))!.finish();
    expect(await events('g')).toEqual(['started', 'finished', 'started', 'failed', 'started', 'finished']);
  });

  test('a candidate that cannot be claimed is left out with a warning, and the others are claimed', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    const bad = ['a', 'x'.repeat(1_001), '', 'a\0b', { machine: 'm' }, 'b'] as string[];
    const works = await claimMany(session, `bad ${driver}`, 10, () => bad);
    expect(works.map(({ target }) => target)).toEqual(['a', 'b']);
    await new Promise(setImmediate);
    process.off('warning', listen);
    expect(warnings.map((text) => text.replace(/^.*: it /, 'it '))).toEqual([
      'it has 1001 bytes, and 1000 are the most',
      'it is not a non-empty text without zero bytes',
      'it is not a non-empty text without zero bytes',
      'it is not a non-empty text without zero bytes',
    ]);
  });

  test.each([
    ['kind', () => db.kinds.set('', {})],
    ['quarantineAfter', () => db.kinds.set('k', { quarantineAfter: 0 })],
    ['cause', () => db.kinds.pause('k', undefined as never)],
    ['targets', () => db.kinds.wake('k', 'x' as never)],
  ])('a wrong %s is refused by name', async (option, call) => {
    const error = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MisuseError);
    expect((error as MisuseError).subject).toBe(option);
  });
});

test('holdfast work lists, pauses, resumes and releases', async () => {
  const { url } = await createTestDatabase();
  const env = { DATABASE_URL: url };
  await using db = await connect({ url });
  await using session = await db.startSession({ component: 'test', intervalMs: 600_000 });
  await db.kinds.set('copy', { quarantineAfter: 1 });
  const [bad, good] = await claimMany(session, 'copy', 2, () => ['disk-1', 'disk-2']);
  await bad!.fail('checksum');
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(['work', ...args], env);
    return { code, stdout: stdout.replace(/\d{4}-\S+Z/g, 'TIME').replace(/ +/g, ' '), stderr };
  };
  expect((await said('list')).stdout).toBe(
    `KIND TARGET TOKEN SESSION SINCE\ncopy disk-2 ${good!.token} ${session.id} TIME\n`,
  );
  expect((await said('quarantined')).stdout).toBe(
    'KIND TARGET FAILURES LAST BEGUN CAUSE\ncopy disk-1 1 TIME checksum\n',
  );
  expect(await said('release', 'copy', 'disk-1', '--cause', 'copied by hand')).toMatchObject({
    code: 0,
    stdout: 'released copy of disk-1\n',
  });
  expect((await said('quarantined', '--kind', 'copy')).stdout).toBe('nothing is quarantined\n');
  expect((await said('release', 'copy', 'disk-2', '--cause', 'x')).code).toBe(2);
  expect((await said('pause', 'copy', '--cause', 'full')).stdout).toBe('paused copy\n');
  expect((await said('list', '--kind', 'copy')).stdout).toContain('copy is paused since TIME: full\n');
  expect((await said('resume', 'copy', '--cause', 'room')).stdout).toBe('resumed copy\n');
  expect((await said('pause', 'copy')).code).toBe(2);
});
