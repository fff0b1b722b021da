import { describe, expect, test } from 'vitest';
import { connect } from '../../../src/index.ts';
import { claimOne } from '../../support/claim.ts';
import { createTestDatabase, seededRandom, waitFor } from '../../support/database.ts';
import { rows } from '../../support/sql.ts';
import { loadFaces } from './face.ts';
import { COMMON_INVARIANTS, OBSERVATION_SCHEMA, observe } from './observe.ts';
import { startProcess } from './process.ts';
import { brokenIn } from './report.ts';
import { runChaos } from './run-chaos.ts';

/** A run ends as soon as something shows, which takes seconds; on a crowded host there are fewer faults in a second. */
const MOST_SECONDS = 120;
const faces = await loadFaces();
const all = faces.flatMap((face) => Object.keys(face.mutations).map((name) => [face, name] as const));

describe('the checks notice', () => {
  test.each(all.map(([face, name]) => ({ face, name, label: `${face.name}: ${name}` })))(
    '$label',
    async ({ face, label }) => {
      await using database = await createTestDatabase();
      const report = await runChaos({
        url: database.url,
        random: seededRandom(label),
        faces: [face],
        seconds: MOST_SECONDS,
        // A worker that does not know that it is dead shows when nobody takes its work from it.
        workers: label.includes('no expiry check') ? 1 : 3,
        intervalMs: database.engine === 'cockroachdb' ? 4_000 : 1_500,
        mutation: label,
      });
      const broken = brokenIn(report);
      console.log(`${label}: after ${report.seconds} s ${broken.join('\n')}`);
      expect(broken).not.toEqual([]);
    },
  );
});

/** A worker is stopped while it holds a job, which is taken over and worked on; then it is continued, and drains. */
async function writesOfTheDead(mutation: string | undefined): Promise<string[]> {
  await using database = await createTestDatabase();
  await using db = await connect({ url: database.url });
  const [work] = await loadFaces(['work']);
  for (const statement of [...OBSERVATION_SCHEMA, ...work!.schema]) await rows(db, statement);
  await rows(db, "DELETE FROM chaos_job WHERE target <> 'job-1'");
  const options = {
    role: 'worker',
    name: 'doomed',
    url: database.url,
    driver: 'pg',
    poolMax: 4,
    // On a busy host a session of a second expires before its worker has done anything.
    intervalMs: 3_000,
    seed: 1,
    skewMs: 0,
    faces: ['work'],
    mutation,
  } as const;
  await rows(db, 'UPDATE chaos_job SET wanted = 1000000');
  await using worker = await startProcess(options, false, () => {});
  const held = async () => {
    const [row] = await rows(db, "SELECT token, session_id FROM holdfast.active_work WHERE kind = 'chaos'");
    const [seen] = await rows(db, 'SELECT max(token) FROM chaos_observation');
    return row !== undefined && row[0] === seen![0] && row;
  };
  await waitFor(held);
  worker.halt();
  const heir = await db.startSession({ component: 'heir', intervalMs: 60_000 });
  const taken = await waitFor(() => claimOne(heir, 'chaos', () => ['job-1']));
  await taken.transact((tx) => observe(tx, 'work', taken, { event: 'checkpoint' }));
  worker.goOn();
  await worker.askToStop();
  await worker.exited;
  const broken: string[] = [];
  for (const invariant of COMMON_INVARIANTS.filter(({ atRest, name }) => !atRest && !name.startsWith('5:')))
    if ((await rows(db, invariant.broken)).length > 0) broken.push(invariant.name);
  await heir.close();
  return broken;
}

describe('a worker that goes on after its work was taken over', () => {
  test('writes nothing', async () => {
    expect(await writesOfTheDead(undefined)).toEqual([]);
  });

  test('writes nothing without the expiry check: the fence holds', async () => {
    expect(await writesOfTheDead('work: no expiry check')).toEqual([]);
  });

  test('writes nothing without expiry check and fence: the token holds', async () => {
    expect(await writesOfTheDead('work: no expiry check and no fence')).toEqual([]);
  });

  test('writes without any of the three', async () => {
    expect(await writesOfTheDead('work: no proof at all')).not.toEqual([]);
  });
});
