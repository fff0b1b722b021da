/** Syncs the mirror once. */
import { type Database, runControlLoop } from '../../src/index.ts';
import { npmPlugin } from '../../src/plugins/index.ts';
import {
  type ArtifactStore,
  repositorySource,
  type SyncRepositoryOptions,
  type SyncResult,
  syncRepository,
} from '../../src/sync/index.ts';

export const REPOSITORY = 'npm-mirror';

export type Outcome = Pick<SyncResult, 'version' | 'changed' | 'counts'>;

/** As soon as nobody else syncs it: a worker that was killed holds it until its session is over. */
export async function syncOnce(
  db: Database,
  store: ArtifactStore,
  options: Pick<SyncRepositoryOptions, 'onProgress' | 'signal'> = {},
): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const loop = runControlLoop(db, {
    source: repositorySource(() => [REPOSITORY]),
    component: 'sync',
    intervalMs: 10_000, // dead this long after the last heartbeat
    handle: async (work) => {
      await syncRepository(work, REPOSITORY, { plugins: [npmPlugin], store, ...options }).then(
        ({ version, changed, counts }) => resolve({ version, changed, counts }),
        reject,
      );
    },
  });
  options.signal?.addEventListener('abort', () => reject(options.signal?.reason), { once: true });
  loop.done.catch(reject);
  try {
    return await promise;
  } finally {
    await loop.stop();
  }
}
