import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { runControlLoop, sql, type Work } from '../../../../src/index.ts';
import {
  collectGarbage,
  createRepository,
  type DeclaredContent,
  declare,
  defineContentType,
  REPOSITORY_KIND,
  repositorySource,
  sync,
} from '../../../../src/sync/index.ts';
import type { SeededRandom } from '../../../support/seed.ts';
import { rows } from '../../../support/sql.ts';
import type { ChaosFace } from '../face.ts';
import { noProofAtAll } from '../mutations.ts';
import { observe } from '../observe.ts';

const REPOSITORIES = 3;
/** What repositories can hold; each sync declares some of it, so that all of them overlap. */
const CONTENTS = 240;
const MOST_WANTED = 4;
const repository = (n: number) => `mirror-${n}`;

const file = defineContentType({
  name: 'chaos-file',
  metadata: z.strictObject({ path: z.string(), edition: z.int() }),
  key: ({ path }) => [path],
  onChange: 'replace',
});

/** What a version holds, as text in the order of paths. */
const HELD = `(
  SELECT v.repository_id, v.number, v.token, string_agg(c.metadata->>'path' || ':' || (c.metadata->>'edition'), ' '
      ORDER BY c.metadata->>'path') AS contents
  FROM holdfast.repository_version AS v
  JOIN holdfast.repository_content AS h ON h.repository_id = v.repository_id AND h.version_added <= v.number
    AND (h.version_removed IS NULL OR h.version_removed > v.number)
  JOIN holdfast.content AS c ON c.content_id = h.content_id
  WHERE v.complete
  GROUP BY v.repository_id, v.number, v.token
)`;

/** Repositories whose contents overlap, synced side by side. */
export const face: ChaosFace = {
  name: 'sync',
  kinds: REPOSITORY_KIND,
  schema: [
    `CREATE TABLE chaos_repository (target TEXT NOT NULL PRIMARY KEY, wanted INT8 NOT NULL DEFAULT 0, done INT8 NOT NULL DEFAULT 0)`,
    // Written before the first statement of a sync: what its version will hold.
    'CREATE TABLE chaos_sync (target TEXT NOT NULL, token INT8 NOT NULL, contents TEXT NOT NULL, PRIMARY KEY (target, token))',
  ],
  work: ({ db, name, intervalMs, pollIntervalMs, random, onError }) => [
    runControlLoop(db, {
      source: repositorySource(async (tx) => {
        const found = await tx.execute(
          sql`SELECT target FROM chaos_repository WHERE wanted > done ORDER BY done, target`,
        );
        return found.rows.map(([target]) => target!);
      }),
      component: 'chaos sync',
      instance: name,
      intervalMs,
      pollIntervalMs,
      parallelism: 2,
      backoff: { initialMs: 1_000 },
      handle: (work) => carryOut(work, random),
      onError,
    }),
  ],
  feed: async ({ db, random }) => {
    const target = repository(random.integer(1, REPOSITORIES));
    const on = db.guardedWithin(10_000);
    const made = await rows(on, 'SELECT 1 FROM chaos_repository WHERE target = $1', target);
    if (made.length === 0) {
      // A feeder whose answer was lost has made it.
      await createRepository(on, target, { retain: 20 }).catch(() => {});
      await on.execute(
        sql`INSERT INTO chaos_repository (target) VALUES (${target}) ON CONFLICT (target) DO NOTHING`,
      );
    }
    await on.execute(sql`UPDATE chaos_repository SET wanted = wanted + 1
      WHERE target = ${target} AND wanted < done + ${BigInt(MOST_WANTED)}`);
  },
  settle: async (db) => {
    await collectGarbage(db);
  },
  left: `SELECT (SELECT count(*) FROM chaos_repository WHERE wanted > done)
    + (SELECT count(*) FROM holdfast.repository_version WHERE NOT complete)`,
  done: `SELECT 'syncs ' || state, count(*) FROM holdfast.repository_run GROUP BY state
    UNION ALL SELECT 'versions', count(*) FROM holdfast.repository_version WHERE complete ORDER BY 1`,
  invariants: [
    {
      name: 'sync: a complete version holds exactly what was declared',
      broken: `SELECT s.target, h.number, h.contents, s.contents AS declared FROM ${HELD} AS h
        JOIN holdfast.repository AS r ON r.repository_id = h.repository_id
        LEFT JOIN chaos_sync AS s ON s.target = r.name AND s.token = h.token
        WHERE s.contents IS DISTINCT FROM h.contents`,
      exercised: `SELECT count(*) FROM ${HELD} AS h`,
    },
    {
      name: 'sync: numbers of versions advance one by one, on completion only',
      broken: `SELECT r.name, r.version, max(v.number) FROM holdfast.repository AS r
        JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id AND v.complete
        GROUP BY r.name, r.version HAVING r.version <> max(v.number)
        UNION ALL
        SELECT r.name, r.version, v.number FROM holdfast.repository AS r
        JOIN holdfast.repository_version AS v ON v.repository_id = r.repository_id
        WHERE NOT v.complete AND v.number <> r.version + 1`,
      exercised: 'SELECT count(*) FROM holdfast.repository_version',
    },
    {
      name: 'sync: a repository holds one content a natural key',
      broken: `SELECT repository_id::TEXT, key_id::TEXT, count(*)::TEXT FROM holdfast.repository_content
        WHERE version_removed IS NULL GROUP BY repository_id, key_id HAVING count(*) > 1`,
      exercised: 'SELECT count(*) FROM holdfast.repository_content WHERE version_removed IS NULL',
    },
    {
      name: 'sync: content is there with its files, and with where they can be had',
      broken: `SELECT c.key FROM holdfast.content AS c
        WHERE NOT EXISTS (SELECT 1 FROM holdfast.content_artifact AS f WHERE f.content_id = c.content_id)
        UNION ALL
        SELECT c.key FROM holdfast.repository_content AS h
        JOIN holdfast.repository AS p ON p.repository_id = h.repository_id
        JOIN holdfast.remote AS m ON m.repository_id = h.repository_id
        JOIN holdfast.content AS c ON c.content_id = h.content_id
        WHERE h.version_removed IS NULL AND h.version_added <= p.version AND NOT EXISTS (
          SELECT 1 FROM holdfast.remote_artifact AS r WHERE r.remote_id = m.remote_id AND r.content_id = h.content_id)`,
      exercised: 'SELECT count(*) FROM holdfast.content',
    },
    {
      name: '11: every sync ends',
      atRest: true,
      broken: `SELECT p.name, r.token::TEXT, r.state FROM holdfast.repository_run AS r
        JOIN holdfast.repository AS p ON p.repository_id = r.repository_id WHERE r.state = 'running'`,
      exercised: 'SELECT count(*) FROM holdfast.repository_run',
    },
  ],
  mutations: { 'no proof of the work': noProofAtAll },
};

async function carryOut(work: Work, random: SeededRandom): Promise<void> {
  const edition = random.integer(1, 3);
  const chosen = Array.from({ length: CONTENTS }, (_, n) => `f${String(n).padStart(3, '0')}`).filter(
    () => random.next() < 0.6,
  );
  const contents = chosen.map((path) => `${path}:${edition}`).join(' ');
  await work.transact(async (tx) => {
    await tx.execute(sql`INSERT INTO chaos_sync VALUES (${work.target}, ${work.token}, ${contents})
      ON CONFLICT (target, token) DO UPDATE SET contents = ${contents}`);
    await observe(tx, face.name, work, { event: 'began', number: BigInt(chosen.length) });
  });
  async function* declared(): AsyncGenerator<DeclaredContent[]> {
    for (let at = 0; at < chosen.length; at += 40) {
      // In another order than the others, and with time for a kill.
      const some = chosen.slice(at, at + 40).sort(() => random.next() - 0.5);
      yield some.map((path) =>
        declare(file, {
          metadata: { path, edition },
          artifacts: [{ path, urls: [`https://${work.target}.example/${path}`] }],
        }),
      );
      await delay(random.integer(0, 20));
    }
  }
  await sync(work, work.target, declared(), { policy: 'on demand', signal: work.signal });
  await work.finish(async (tx) => {
    await observe(tx, face.name, work, { event: 'done' });
    await tx.execute(sql`UPDATE chaos_repository SET done = done + 1 WHERE target = ${work.target}`);
  });
}
