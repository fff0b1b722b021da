import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../../src/database/embedded/index.ts';
import { connect, type Database, migrate } from '../../../src/index.ts';
import { defineWorkflow } from '../../../src/workflows/index.ts';
import { SUITE_DRIVERS, waitFor } from '../../support/database.ts';
import { rows } from '../../support/sql.ts';
import { INCONSISTENT, kill } from '../../workflows/support.ts';

const INSTANCES = 250;

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let dir: string;
  let server: EmbeddedServer;
  let db: Database;
  beforeAll(async () => {
    // A server of its own, because it is crashed; in a folder, so that what was committed is on disk.
    dir = await mkdtemp(join(tmpdir(), 'holdfast-restart-'));
    server = await startEmbedded({ dir });
    await migrate(server.url);
    db = await connect({ url: server.url, driver });
  });
  afterAll(async () => {
    await db?.close();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('a database that is restarted in the middle of the recovery of 250 instances leaves none behind', async () => {
    const flow = defineWorkflow({
      name: 'restarted',
      version: 1,
      states: ['a', 'b'],
      transitions: {
        first: { from: null, to: 'a', automatic: true },
        second: { from: 'a', to: 'b', automatic: true, retry: { attempts: Infinity } },
      },
    });
    await flow.startMany(
      db,
      Array.from({ length: INSTANCES }, (_, n) => ({ target: `r${n}` })),
    );
    // A worker that has all of them in flight dies.
    const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
    const works = await doomed.claim(flow.source(), { wanted: INSTANCES });
    const never = Promise.withResolvers<never>();
    never.promise.catch(() => {});
    let begun = 0;
    const running = works.map((work) =>
      flow.run(work, {
        second: () => {
          begun++;
          return never.promise;
        },
      }),
    );
    for (const one of running) one.catch(() => {});
    await waitFor(() => begun === INSTANCES);
    await kill(db, doomed);
    let recovered = 0;
    const middle = Promise.withResolvers<void>();
    const loop = flow.runLoop(db, {
      parallelism: 4,
      intervalMs: 2_000,
      pollIntervalMs: 100,
      backoff: { initialMs: 0 },
      actions: {
        second: () => {
          if (++recovered === INSTANCES / 5) middle.resolve();
        },
      },
    });
    await middle.promise;
    const victim = await connect({ url: server.url, driver });
    const [row] = await rows(victim, 'SELECT pg_backend_pid()');
    // The death of one backend makes PostgreSQL end all others and recover from its log.
    process.kill(Number(row![0]), 'SIGKILL');
    await victim.close();
    await waitFor(async () => {
      try {
        return (await rows(db, 'SELECT 1 FROM holdfast.workflow WHERE ended_at IS NULL')).length === 0;
      } catch {
        return false;
      }
    });
    await loop.stop();
    never.reject(new Error('its worker died'));
    await Promise.allSettled(running);
    expect(await rows(db, INCONSISTENT)).toEqual([]);
    expect(await rows(db, 'SELECT 1 FROM holdfast.workflow WHERE stuck IS NOT NULL')).toEqual([]);
  });
});
