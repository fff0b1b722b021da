import { expect, test } from 'vitest';
import { createTestDatabase, seededRandom } from '../../support/database.ts';
import { runChaos } from './run-chaos.ts';

const SECONDS = Number(process.env['HOLDFAST_CHAOS_SECONDS'] ?? 10);

test(
  `${SECONDS} seconds of killed, stopped and cut-off workers break no invariant, and the queue drains`,
  async () => {
    const database = await createTestDatabase();
    const report = await runChaos({
      url: database.url,
      random: seededRandom('chaos'),
      seconds: SECONDS,
      workers: 4,
      jobs: 24,
      // About what the engine can do meanwhile on two cores, so that the faults meet work.
      rounds: database.engine === 'cockroachdb' ? SECONDS : SECONDS * 4,
      // A crowded host that cannot file a beat within a second would do nothing but take over.
      intervalMs: database.engine === 'cockroachdb' ? 3_000 : 1_000,
    });
    console.log('chaos', JSON.stringify(report, null, 2));
    expect(report.violations).toEqual([]);
    expect(report.exits.every((exit) => exit === 0)).toBe(true);
    expect(report.faults.killed).toBeGreaterThan(0);
    expect(report.abandoned).toBeGreaterThan(0);
  },
  SECONDS * 1_000 + 120_000,
);
