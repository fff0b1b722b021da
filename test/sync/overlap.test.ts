import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database, type Session } from '../../src/index.ts';
import {
  createRepository,
  declare,
  defineContentType,
  deleteRepository,
  listVersions,
  sync,
} from '../../src/sync/index.ts';
import { createTestDatabase, SUITE_DRIVERS, seededRandom } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string(), round: z.number() }),
  key: ({ path, round }) => [path, round],
});

const ROUNDS = 15;

describe.each(SUITE_DRIVERS)('two syncs of overlapping content on %s', (driver) => {
  let db: Database;
  let sessions: readonly Session[];
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    sessions = await Promise.all(
      ['one', 'two'].map((component) => db.startSession({ component, intervalMs: 600_000 })),
    );
    for (const name of ['left', 'right']) await createRepository(db, name);
  });
  afterAll(() => db?.close());

  test('both complete, each with what it declares, in whichever orders the content comes', async () => {
    const random = seededRandom('overlapping syncs');
    const shuffled = <T>(all: readonly T[]) => {
      const mixed = [...all];
      for (let at = mixed.length - 1; at > 0; at--) {
        const other = random.integer(0, at);
        [mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!];
      }
      return mixed;
    };
    for (let round = 0; round < ROUNDS; round++) {
      const paths = Array.from({ length: 600 }, (_, n) => `f${n}`);
      const results = await Promise.all(
        ['left', 'right'].map((name, side) => {
          const wanted = shuffled(paths.filter((_, n) => (side === 0 ? n < 500 : n >= 100)));
          const items = wanted.map((path) =>
            declare(file, {
              metadata: { path, round },
              artifacts: [{ path: 'a', urls: [`http://${name}/${path}`] }],
            }),
          );
          return sync(sessions[side]!, name, items, { policy: 'on demand' });
        }),
      );
      for (const { counts } of results) expect(counts.present).toBe(500);
      const [content] = await rows(
        db,
        `SELECT count(*), (SELECT count(*) FROM holdfast.remote_artifact) FROM holdfast.content AS c
        WHERE EXISTS (SELECT 1 FROM holdfast.repository_content AS h WHERE h.content_id = c.content_id AND h.version_removed IS NULL)`,
      );
      expect(content).toEqual(['600', '1000']);
    }
    for (const name of ['left', 'right']) expect(await listVersions(db, name)).toHaveLength(ROUNDS);
    await Promise.all(['left', 'right'].map((name, side) => deleteRepository(sessions[side]!, name)));
    const left = await rows(
      db,
      'SELECT (SELECT count(*) FROM holdfast.repository_content) + (SELECT count(*) FROM holdfast.remote_artifact)',
    );
    expect(left).toEqual([['0']]);
  });
});
