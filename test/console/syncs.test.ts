import { SpanStatusCode } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { Resources } from '../../src/console/resources.ts';
import type { SentPage } from '../../src/console/wire.ts';
import { connect, type Database } from '../../src/index.ts';
import { stage } from '../../src/pipeline/index.ts';
import {
  createRepository,
  type DeclaredContent,
  declare,
  defineContentType,
  sync,
} from '../../src/sync/index.ts';
import { FACES } from '../support/console-fixture.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { rows as select } from '../support/sql.ts';
import { waitFor } from '../support/wait-for.ts';

let db: Database;
let recorded: ReturnType<typeof recordTelemetry>;
beforeAll(async () => {
  recorded = recordTelemetry();
  const { url } = await createTestDatabase();
  db = await connect({ url });
});
afterAll(async () => {
  await db?.close();
  await recorded?.stop();
});

const type = defineContentType({
  name: 'word',
  metadata: z.strictObject({ word: z.string() }),
  key: ({ word }) => [word],
});

test('a sync that is under way shows its steps, and where its items wait; one that has ended shows no queue', async () => {
  const gate = Promise.withResolvers<void>();
  const slow = stage<DeclaredContent, DeclaredContent>(
    'slow',
    async function* (batches) {
      for await (const batch of batches) {
        await gate.promise;
        yield batch;
      }
    },
    { batch: { min: 1, max: 1 }, queue: 10 },
  );
  const session = await db.startSession({ component: 'syncer', intervalMs: 600_000 });
  await createRepository(db, 'words');
  const words = Array.from({ length: 30 }, (_, i) => declare(type, { metadata: { word: `w${i}` } }));
  const syncing = sync(session, 'words', words, {
    stages: (pipeline) => pipeline.before('query-existing-artifacts', slow),
  });
  const resources = new Resources(db, FACES);
  const look = async () => {
    const { data, statements } = await resources.read('lists/syncs');
    expect(statements).toBe(1);
    const rows = (data as SentPage).rows.map(({ values }) => values);
    return { stages: rows.filter((row) => /^stage /.test(String(row['step or stage']))), rows };
  };
  const { stages, rows } = await waitFor(async () => {
    const found = await look();
    return found.stages.find((row) => row['step or stage'] === 'stage slow' && row['queued'] === 10) && found;
  });
  expect(rows[0]).toMatchObject({
    repository: 'words',
    'step or stage': 'Content declared',
    state: 'running',
  });
  expect(stages.map((row) => row['step or stage']).slice(0, 3)).toEqual([
    'stage source',
    'stage slow',
    'stage query-existing-artifacts',
  ]);
  expect(stages[0]).toMatchObject({ state: 'blocked', progress: null });
  expect(stages[1]).toMatchObject({ state: 'working', 'items in': 1, 'items out': 0 });
  gate.resolve();
  await syncing;
  const after = await look();
  expect(after.stages.map(({ state }) => state)).toEqual(stages.map(() => 'ended'));
  expect(after.stages.map(({ queued }) => queued)).toEqual(stages.map(() => null));
  expect(after.stages[1]).toMatchObject({ 'items in': 30, 'items out': 30 });
  await session.close();
});

test('progress that could not be written down is written down later, though nothing goes on meanwhile', async () => {
  const gate = Promise.withResolvers<void>();
  const session = await db.startSession({ component: 'syncer', intervalMs: 600_000 });
  await createRepository(db, 'later');
  await select(db, 'ALTER TABLE holdfast.repository_step ADD CONSTRAINT no_room CHECK (done < 0) NOT VALID');
  const syncing = sync(session, 'later', async function* () {
    yield [declare(type, { metadata: { word: 'later' } })];
    await gate.promise;
  });
  const said = async () =>
    (
      await select(
        db,
        `SELECT s.code FROM holdfast.repository_step AS s JOIN holdfast.repository AS r USING (repository_id) WHERE r.name = 'later'`,
      )
    ).flat();
  await waitFor(async () =>
    (await recorded.spans()).some(
      ({ name, status }) => /sync progress/.test(name) && status.code === SpanStatusCode.ERROR,
    ),
  );
  expect(await said()).toEqual([]);
  await select(db, 'ALTER TABLE holdfast.repository_step DROP CONSTRAINT no_room');
  expect(await waitFor(async () => (await said())[0])).toBe('declared');
  gate.resolve();
  await syncing;
  await session.close();
});
