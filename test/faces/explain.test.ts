import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, explain, type Face, MisuseError, type Session } from '../../src/index.ts';
import { definePipeline, operationsFace } from '../../src/operations/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';

const faces = [operationsFace];

describe.each(DRIVERS)('explain on %s', (driver) => {
  let url: string;
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver });
    session = await start('initializer');
  });
  afterAll(() => db?.close());

  const start = (component: string) => db.startSession({ component, instance: 'n7', intervalMs: 600_000 });
  const claim = async (kind: string, target: string, by = session, exclude?: string) => {
    const keys = exclude === undefined ? [] : [{ group: 'power-feed', key: exclude }];
    const [work] = await by.claim({ kind, candidates: () => [{ target, exclude: keys }] });
    return work!;
  };
  /** The session dies: its deadline is past. */
  const kill = (victim: Session) =>
    rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
      victim.id,
    );
  const change = (target: string, set: string) =>
    rows(db, `UPDATE holdfast.work SET ${set} WHERE target = $1`, target);
  const minute = { backoff: { initialMs: 60_000 } };

  test('held: by whom, since when, and until when its session is alive', async () => {
    await claim('Initialize', 'held');
    await change('held', "started_at = now() - INTERVAL '12 s'");
    const found = await explain(db, 'held', { faces });
    expect(found).toMatchObject({
      target: 'held',
      isKnown: true,
      state: 'progressing',
      findings: [{ reason: 'held', subject: 'Initialize' }],
      facts: [{ face: 'work', rows: [{ kind: 'Initialize', state: 'held', holder: 'initializer on n7' }] }],
    });
    expect(found.verdict).toMatch(
      /^held by initializer on n7 since 1\d s, its session is alive until (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC$/,
    );
  });

  test('backoff: for how long yet, after which failure, and why', async () => {
    await (await claim('Initialize', 'failed')).fail('no answer', minute);
    await change('failed', 'not_before = now()');
    await (await claim('Initialize', 'failed')).fail('connection refused', minute);
    await change('failed', "not_before = now() + INTERVAL '48 min'");
    const { state, verdict } = await explain(db, 'failed');
    expect({ state, verdict: verdict.replace(/4[78] min( \d+ s)?/, 'MINUTES') }).toEqual({
      state: 'progressing',
      verdict: 'backs off for MINUTES more after failure 2: connection refused',
    });
  });

  test('backoff after the deaths of holders, which no sweep has seen', async () => {
    const first = await start('Mend');
    await claim('Mend', 'killer', first);
    await kill(first);
    const second = await start('Mend');
    await claim('Mend', 'killer', second);
    await change('killer', "started_at = now() + INTERVAL '1 h'");
    await kill(second);
    const { state, verdict } = await explain(db, 'killer');
    expect({ state, verdict: verdict.replace(/for .* more/, 'for TIME more') }).toEqual({
      state: 'progressing',
      verdict: 'backs off for TIME more after failure 2: abandoned',
    });
  });

  test('quarantine, after failures and after deaths', async () => {
    await db.kinds.set('Flash', { quarantineAfter: 1 });
    await (await claim('Flash', 'sick')).fail('no disk', minute);
    const dying = await start('flasher');
    await claim('Flash', 'left', dying);
    await kill(dying);
    expect(await explain(db, 'sick')).toMatchObject({
      state: 'stuck',
      verdict: 'quarantined after 1 failure: no disk',
    });
    expect(await explain(db, 'left')).toMatchObject({
      state: 'stuck',
      verdict: 'quarantined after 1 failure: abandoned',
    });
  });

  test('parked: until a time, and until it is woken', async () => {
    await (await claim('Wait', 'later')).park(new Date('2999-01-31T12:00:00Z'));
    await (await claim('Wait', 'asleep')).park();
    expect(await explain(db, 'later')).toMatchObject({
      state: 'progressing',
      verdict: 'parked until 2999-01-31 12:00:00 UTC',
    });
    expect(await explain(db, 'asleep')).toMatchObject({
      state: 'progressing',
      verdict: 'parked until somebody wakes it',
    });
  });

  test('a paused kind: since when and why; it is stuck when something waits', async () => {
    await (await claim('Paint', 'waiting')).cancel();
    await (await claim('Paint', 'done')).finish();
    const held = await claim('Paint', 'at-work');
    await db.kinds.pause('Paint', 'night');
    const of = async (target: string) => {
      const { state, verdict } = await explain(db, target);
      return [state, verdict.replace(/since .*UTC/, 'since TIME')];
    };
    expect(await of('waiting')).toEqual(['stuck', 'its kind is paused since TIME: night']);
    expect(await of('done')).toEqual(['free', 'its kind is paused since TIME: night']);
    expect((await of('at-work'))[1]).toMatch(/^held by initializer/);
    await held.cancel();
  });

  test('nothing holds it back: it has finished, or waits for a live session, or there is none', async () => {
    await (await claim('Upgrade', 'finished')).finish();
    await (await claim('Upgrade', 'given-back')).cancel();
    expect((await explain(db, 'finished')).verdict).toMatch(/^nothing holds it back: it finished \d+ s ago$/);
    expect((await explain(db, 'finished')).state).toBe('free');
    // The session that gave it back is there.
    expect(await explain(db, 'given-back')).toMatchObject({
      state: 'progressing',
      verdict: 'nothing holds it back: it waits for one of 1 live session of initializer',
    });
    const gone = await start('upgrader');
    await (await claim('Upgrade', 'orphan', gone)).cancel();
    await gone.close();
    const unattended = await explain(db, 'orphan');
    expect(unattended).toMatchObject({ state: 'stuck', findings: [{ reason: 'unattended' }] });
    expect(unattended.verdict).toMatch(
      /^nothing holds it back: process Upgrade has no live session \(alive: .*initializer.*\)$/,
    );
    expect((await explain(db, 'orphan', { components: ['upgrader'] })).verdict).toMatch(
      /process upgrader has no/,
    );
    // It waits also when its history was deleted for its age.
    await (await claim('Upgrade', 'forgotten')).fail('no answer');
    await rows(db, "DELETE FROM holdfast.ended_work WHERE target = 'forgotten'");
    await change('forgotten', 'not_before = now()');
    expect(await explain(db, 'forgotten')).toMatchObject({ state: 'stuck' });
    await using _named = await start('Upgrade');
    expect(await explain(db, 'orphan')).toMatchObject({ state: 'progressing' });
  });

  test('a dead holder: the next claim takes over, if somebody is there to claim', async () => {
    const dying = await start('polisher');
    await claim('Polish', 'dead', dying);
    await kill(dying);
    const { state, verdict } = await explain(db, 'dead');
    expect([state, verdict]).toEqual([
      'stuck',
      expect.stringMatching(/^its holder polisher on n7 is dead, .*: process polisher has no live session/),
    ]);
    await using _other = await start('polisher');
    expect(await explain(db, 'dead')).toMatchObject({
      state: 'progressing',
      facts: [{ rows: [{ holder: 'polisher on n7' }] }],
    });
    await rows(db, 'DELETE FROM holdfast.session WHERE session_id = $1', dying.id);
    expect(await explain(db, 'dead')).toMatchObject({ facts: [{ rows: [{ holder: 'dead' }] }] });
  });

  test("an exclusion key that another target's work holds, where the caller names the key", async () => {
    await (await claim('Initialize', 'p2', session, 'B')).cancel();
    expect(await explain(db, 'B')).toMatchObject({ isKnown: true, verdict: 'nothing holds it back' });
    await claim('Initialize', 'p1', session, 'B');
    const { state, verdict } = await explain(db, 'p2', { exclude: [{ group: 'power-feed', key: 'B' }] });
    expect(state).toBe('progressing');
    expect(verdict).toMatch(/^waits for key B of group "power-feed", held by initializer on n7 since/);
    expect((await explain(db, 'p2')).verdict).toMatch(/^nothing holds it back/);
    expect((await explain(db, 'B')).verdict).toMatch(/^key B of group "power-feed" is held by initializer/);
  });

  test('several kinds: what is stuck comes first, and each finding is listed by its kind', async () => {
    await claim('Initialize', 'both');
    await (await claim('Flash', 'both')).fail('no disk', minute);
    const { state, verdict, findings } = await explain(db, 'both');
    expect({ state, verdict }).toEqual({
      state: 'stuck',
      verdict: 'Flash: quarantined after 1 failure: no disk',
    });
    expect(findings.map(({ reason }) => reason)).toEqual(['quarantined', 'held']);
  });

  describe('operations', () => {
    const set = definePipeline({ name: 'sets', operations: ['index', 'backup'] });
    const of = async (target: string) => {
      const { state, verdict, findings, facts } = await explain(db, target, { faces });
      return { state, verdict, reasons: findings.map(({ reason }) => reason), facts };
    };

    test('READY without a worker, at work, behind the other one, OK, and FAILED', async () => {
      await set.enable(db, 'o1', ['index']);
      expect(await of('o1')).toMatchObject({
        state: 'stuck',
        verdict: expect.stringMatching(/^nothing holds it back: process sets:index has no live session/),
        facts: [
          { face: 'work' },
          { face: 'operations', rows: [{ operation: 'sets:index', state: 'READY' }] },
        ],
      });
      const taken = await set.takeTarget(session, 'index', 'o1');
      await set.enable(db, 'o1', ['backup']);
      expect(await of('o1')).toMatchObject({
        state: 'progressing',
        verdict: expect.stringMatching(
          /^sets:backup: waits for key o1 of group "operations sets", held by initializer on n7 .*, for sets:index$/,
        ),
        reasons: ['excluded', 'held'],
      });
      await taken.error('no such\nfile');
      const backup = await set.takeTarget(session, 'backup', 'o1');
      await backup.finish({ state: 'WARNING', message: 'slow' });
      expect(await of('o1')).toMatchObject({
        state: 'stuck',
        verdict: 'sets:index: FAILED: no such\nfile',
        reasons: ['failed', 'warning'],
      });
    });

    test('one whose attempts are used up is quarantined, and goes on when it is released', async () => {
      await set.setPolicy(db, { attempts: 1 });
      await set.enable(db, 'o2', ['index']);
      const dying = await start('indexer');
      await set.takeTarget(dying, 'index', 'o2');
      await kill(dying);
      expect(await of('o2')).toMatchObject({
        state: 'stuck',
        verdict: 'quarantined after 1 failure: abandoned',
        reasons: ['quarantined'],
      });
      await db.kinds.release('sets:index', 'o2', 'mended');
      await using _indexer = await start('sets:index');
      expect((await of('o2')).state).toBe('progressing');
    });
  });

  test('a target that nothing knows is free, and says so', async () => {
    expect(await explain(db, 'nobody', { faces })).toEqual({
      target: 'nobody',
      at: expect.any(Date),
      isKnown: false,
      state: 'free',
      verdict: 'nothing is known of nobody',
      findings: [],
      facts: [],
    });
  });

  test('it reads one snapshot, in one statement a face and one for work', async () => {
    await (await claim('Upgrade', 'counted')).cancel();
    const sent: string[] = [];
    const seen: Pick<Database, 'transact'> = {
      transact: (body, options) =>
        db.transact((tx, info) => {
          const execute = tx.execute.bind(tx);
          tx.execute = (statement) => {
            sent.push(statement.text);
            return execute(statement);
          };
          return body(tx, info);
        }, options),
    };
    const { verdict } = await explain(seen, 'counted', { faces });
    expect(verdict).toMatch(/^nothing holds it back/);
    expect(sent).toHaveLength(2);
  });

  test('what commits between its statements does not show', async () => {
    await (await claim('Initialize', 'between')).cancel();
    await using other = await connect({ url, driver });
    const reads: Face = {
      name: 'reads',
      explain: async (on) => {
        await on.execute(sql('SELECT target FROM holdfast.work LIMIT 1'));
        await rows(other, "DELETE FROM holdfast.work WHERE target = 'between'");
        return { facts: [] };
      },
    };
    expect(await explain(db, 'between', { faces: [reads] })).toMatchObject({ state: 'progressing' });
    expect(await explain(db, 'between')).toMatchObject({ isKnown: false });
  });

  test.each([
    [{ faces: [1] }, /faces/],
    [{ components: 'x' }, /components/],
    [{ exclude: [{ group: 'g' }] }, /exclude/],
  ])('%j is refused', async (options, why) => {
    await expect(explain(db, 'x', options as never)).rejects.toThrow(why);
  });

  test.each(['', 'a\0b', 7])('a target %j is refused', async (target) => {
    await expect(explain(db, target as never)).rejects.toThrow(MisuseError);
  });
});
