import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, MisuseError, runJanitor } from '../../src/index.ts';
import { claimMany } from '../support/claim.ts';
import { createTestDatabase } from '../support/database.ts';
import { type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';
import { rows } from '../support/sql.ts';

let telemetry: RecordedTelemetry;
beforeAll(() => {
  telemetry = recordTelemetry();
});
afterAll(() => telemetry.stop());

test('the gauges tell what is held, backs off and waits, by process, and who lives, by component', async () => {
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  await using session = await db.startSession({ component: 'builder' });
  const [, second, third] = await claimMany(session, 'build', 3, () => ['1', '2', '3']);
  await second!.fail('no', { backoff: { initialMs: 60_000 } });
  await third!.finish();
  await using janitor = runJanitor(db, {
    intervalMs: 3_600_000,
    pending: {
      build: async (tx) => Number((await rows(tx, 'SELECT 7::INT8'))[0]?.[0]),
      test: async () => 0n,
    },
  });
  await janitor.sweep();
  const points = async (name: string) =>
    (await telemetry.points(name)).map(({ attributes, value }) => [Object.values(attributes)[0], value]);
  expect(await points('holdfast.work.active')).toEqual([['build', 1]]);
  expect(await points('holdfast.work.backoff')).toEqual([['build', 1]]);
  expect(await points('holdfast.sessions.live')).toEqual([['builder', 1]]);
  expect(await points('holdfast.work.pending')).toEqual([
    ['build', 7],
    ['test', 0],
  ]);
});

test('a way of counting that is none is refused by name', async () => {
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  expect(() => runJanitor(db, { pending: { build: 7 as never } })).toThrow(MisuseError);
  expect(() => runJanitor(db, { pending: { build: 7 as never } })).toThrow(/^pending\.build/);
});
