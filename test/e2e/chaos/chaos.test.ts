import { expect, test } from 'vitest';
import { createTestDatabase, seededRandom } from '../../support/database.ts';
import { loadFaces } from './face.ts';
import { KILLED } from './faults.ts';
import { brokenIn } from './report.ts';
import { runChaos } from './run-chaos.ts';

test('every face, in processes that are killed, stopped and cut off: no invariant is broken, and everything drains', async () => {
  const database = await createTestDatabase();
  const report = await runChaos({
    url: database.url,
    random: seededRandom('chaos'),
    faces: await loadFaces(),
    seconds: 20,
    workers: 3,
    // A crowded host whose heartbeats come late would do nothing but take over.
    intervalMs: database.engine === 'cockroachdb' ? 4_000 : 3_000,
  });
  console.log('chaos', JSON.stringify(report, null, 2));
  expect(brokenIn(report)).toEqual([]);
  expect(report.faults[KILLED]).toBeGreaterThan(0);
  const done = Object.values(report.done).reduce((sum, one) => sum + one, 0);
  expect(done).toBeGreaterThan(0);
});
