import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, type Session, type Work } from '../../src/index.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const ENDS: Record<string, (work: Work) => Promise<unknown>> = {
  finish: (work) => work.finish(),
  'finish with a body': (work) => work.finish(async () => {}),
  fail: (work) => work.fail('why'),
  cancel: (work) => work.cancel(),
  park: (work) => work.park(),
};

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    const database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    session = await db.startSession({ component: 'one' });
  });
  afterAll(() => db?.close());

  test.each(Object.keys(ENDS))(
    'while a finish is under way, %s is refused and the finish stands',
    async (name) => {
      const work = (await claimOne(session, 'one end', () => [name]))!;
      const first = work.finish();
      await expect(ENDS[name]!(work)).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
      await first;
      const history = await rows(
        db,
        `SELECT event FROM holdfast.work_history WHERE target = '${name}' AND event <> 'started'`,
      );
      expect(history).toEqual([['finished']]);
    },
  );

  test('while a finish with a body is under way, a plain finish is refused', async () => {
    const work = (await claimOne(session, 'one end', () => ['body first']))!;
    const first = work.finish(async () => {});
    await expect(work.finish()).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
    await first;
  });
});
